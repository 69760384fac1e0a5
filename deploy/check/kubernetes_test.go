package check

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const kubernetes = "../kubernetes"

// objects decodes a stream of documents: unknown fields, fields that are given twice and values of the wrong type are errors.
func objects(t *testing.T, text []byte) []runtime.Object {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	buf := make([]byte, 1<<20)
	for {
		n, err := documents.Read(buf)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		object, _, err := decoder.Decode(buf[:n], nil, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, buf[:n])
		}
		all = append(all, object)
	}
}

func TestManifestsAreStrictlyRight(t *testing.T) {
	files, err := filepath.Glob(kubernetes + "/base/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		if name := filepath.Base(file); name == "kustomization.yaml" || name == "tanker.yaml" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(objects(t, text)); n == 0 {
			t.Errorf("%s holds nothing", file)
		}
	}
	if t.Failed() {
		return
	}
	for _, dir := range []string{"base", "cluster"} {
		t.Run(dir, func(t *testing.T) { checkRendered(t, objects(t, render(t, dir))) })
	}
}

// render is what kustomize makes.
func render(t *testing.T, dir string) []byte {
	t.Helper()
	if _, err := exec.LookPath("kubectl"); err != nil {
		t.Skip("kubectl is not installed")
	}
	text, err := exec.CommandContext(t.Context(), "kubectl", "kustomize", filepath.Join(kubernetes, dir)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// checkRendered checks what belongs together.
func checkRendered(t *testing.T, all []runtime.Object) {
	t.Helper()
	var set *appsv1.StatefulSet
	for _, o := range all {
		if s, ok := o.(*appsv1.StatefulSet); ok {
			set = s
		}
	}
	if set == nil {
		t.Fatal("no StatefulSet")
	}
	labels := set.Spec.Template.Labels
	if len(labels) == 0 {
		t.Error("the pods have no label")
	}
	covers := func(kind string, selector map[string]string) {
		if len(selector) == 0 {
			t.Errorf("%s selects everything in its namespace", kind)
		}
		for k, v := range selector {
			if labels[k] != v {
				t.Errorf("%s selects %s=%s, and the pods have %v", kind, k, v, labels)
			}
		}
	}
	covers("StatefulSet", set.Spec.Selector.MatchLabels)
	for _, o := range all {
		switch o := o.(type) {
		case *corev1.Service:
			covers("Service", o.Spec.Selector)
			for _, p := range o.Spec.Ports {
				checkPort(t, set, p.TargetPort.StrVal)
			}
		case *policyv1.PodDisruptionBudget:
			covers("PodDisruptionBudget", o.Spec.Selector.MatchLabels)
		case *networkingv1.NetworkPolicy:
			covers("NetworkPolicy", o.Spec.PodSelector.MatchLabels)
		}
	}
	checkPod(t, set)
}

func checkPort(t *testing.T, set *appsv1.StatefulSet, name string) {
	t.Helper()
	for _, p := range set.Spec.Template.Spec.Containers[0].Ports {
		if p.Name == name {
			return
		}
	}
	t.Errorf("the container has no port %q", name)
}

// checkPod checks that the container may do as little as it can, and is asked how it is.
func checkPod(t *testing.T, set *appsv1.StatefulSet) {
	t.Helper()
	pod := set.Spec.Template.Spec
	c := pod.Containers[0]
	if s := c.SecurityContext; !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Contains(s.Capabilities.Drop, "ALL") {
		t.Errorf("the container may do too much: %+v", s)
	}
	if s := pod.SecurityContext; !*s.RunAsNonRoot || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod may do too much: %+v", s)
	}
	for _, p := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		checkPort(t, set, p.HTTPGet.Port.StrVal)
	}
	for _, m := range c.VolumeMounts {
		if m.Name == "data" && !slices.ContainsFunc(set.Spec.VolumeClaimTemplates, func(c corev1.PersistentVolumeClaim) bool { return c.Name == "data" }) {
			t.Error("the data has no volume")
		}
	}
	if limit := c.Resources.Limits.Memory(); limit.Cmp(resource.MustParse("512Mi")) < 0 {
		t.Errorf("%s of memory are too little", limit)
	}
}
