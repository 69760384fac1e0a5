package config

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// Validate reports everything that is wrong with the settings of a journal that were put together, as an *Error.
func (j *Journal) Validate() error {
	found := newFindings("")
	validator{found}.journal(*j)
	return found.err()
}

func (v validator) journal(j Journal) {
	within(v, "journal.retention", j.Retention, time.Minute, 10*365*24*time.Hour)
	within(v, "journal.min_free", j.MinFree, 1<<20, maxSize)
	if j.MaxBytes != 0 {
		within(v, "journal.max_bytes", j.MaxBytes, 64<<20, maxSize)
	}
	if j.Sync != SyncAlways {
		within(v, "journal.sync", j.Sync.Interval(), time.Millisecond, time.Hour)
	}
	if j.Replicas != 1 && j.Replicas != 3 && j.Replicas != 5 {
		v.addf("journal.replicas", "%d is not one of 1, 3, 5: with 3 the loss of one server is survived, with 5 that of two", j.Replicas)
	}
	within(v, "journal.lease", j.Lease, time.Second, 10*time.Minute)
	if j.Node != "" {
		v.name("journal.node", j.Node)
	}
	if j.URL == "" {
		if j.CredentialsFile != "" || j.TLS != (ClientTLS{}) {
			v.addf("journal", "credentials_file and tls are for a NATS cluster: name it with url, or remove them")
		}
		return
	}
	for server := range strings.SplitSeq(j.URL, ",") {
		v.natsServer("journal.url", strings.TrimSpace(server))
	}
	if j.CredentialsFile != "" {
		v.readable("journal.credentials_file", j.CredentialsFile)
	}
	v.clientTLS(j.TLS)
}

// natsServer refuses what is no address of a NATS server. What stands before an @ is secret, and not shown.
func (v validator) natsServer(path, server string) {
	const want = "write nats://host:4222, or tls://host:4222, and several with commas between them"
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "nats" && u.Scheme != "tls") {
		if _, host, found := strings.Cut(server, "@"); found {
			server = "…@" + host
		}
		v.addf(path, "%q is no address of a NATS server: %s", server, want)
		return
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		v.addf(path, "%q has more in it than a host and a port: %s", u.Redacted(), want)
		return
	}
	if _, port, err := net.SplitHostPort(u.Host); err == nil {
		v.address(path, net.JoinHostPort(u.Hostname(), port))
	}
}

func (v validator) readable(path, file string) {
	if f, err := os.Open(file); err != nil {
		v.addf(path, "%v", withoutPath(file, err))
	} else {
		f.Close()
	}
}

func (v validator) clientTLS(t ClientTLS) {
	if t.CAFile != "" {
		text, err := readBounded(t.CAFile)
		if err != nil {
			v.addf("journal.tls.ca_file", "%v", err)
		} else if !x509.NewCertPool().AppendCertsFromPEM(text) {
			v.addf("journal.tls.ca_file", "%s holds no certificate in PEM", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		v.addf("journal.tls", "needs both cert_file and key_file")
		return
	}
	if t.CertFile == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile); err != nil {
		v.addf("journal.tls", "the certificate cannot be used: %v", err)
	}
}
