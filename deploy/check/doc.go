// Package check holds the tests of what is deployed: that the manifests are what Kubernetes's own types say, and the
// composition what Docker Compose's own parser takes. It is a module of its own, so that Tanker does not depend on either.
package check
