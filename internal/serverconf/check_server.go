package serverconf

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// checkServer makes nats-server itself parse the configuration and prepare a start, for which the server has checks
// of its own. It opens no port. All files are replaced by stand-ins in a directory that is removed at the end.
func (c Config) checkServer() []Problem {
	ch := &checker{}
	dir, err := os.MkdirTemp("", "nats-server-config-")
	if err != nil {
		ch.add(nil, "a temporary directory for the check cannot be created: %s", err)
		return ch.problems
	}
	defer os.RemoveAll(dir)
	ch.server(c, dir)
	return ch.problems
}

func (c *checker) server(config Config, dir string) {
	tested, err := config.withStandIns(dir)
	if err != nil {
		c.add(nil, "the files for the check cannot be written: %s", err)
		return
	}
	// The server's errors must not mention the stand-ins.
	names := strings.NewReplacer(dir+string(filepath.Separator), "", dir, "")
	tested, definitions := tested.withVariables()
	w := tested.write()
	// The provider handles signals.
	opts := &server.Options{NoSigs: true, NoLog: true}
	defer func() {
		if opts.AccountResolver != nil {
			opts.AccountResolver.Close()
		}
	}()
	if err := opts.ProcessConfigString(definitions + w.b.String()); err != nil {
		for _, err := range each(err) {
			c.add(w.fieldOf(err), "nats-server rejects it: %s", names.Replace(reason(err)))
		}
		return
	}
	s, err := server.NewServer(opts)
	if err != nil {
		c.add(fieldOfStart(err), "nats-server would not start: %s", names.Replace(err.Error()))
		return
	}
	s.Shutdown()
}

// each returns the errors and warnings of the server's parser one by one. Warnings are included because they report
// settings that have no effect.
func each(err error) []error {
	var several interface {
		Errors() []error
		Warnings() []error
	}
	if errors.As(err, &several) {
		return append(several.Errors(), several.Warnings()...)
	}
	return []error{err}
}

// position matches the position in the parser's errors: the name of the file, which is empty, the line and the
// column.
var position = regexp.MustCompile(`^:(\d+):-?\d+: `)

// fieldOf returns the field that an error of the server's parser refers to, or nil if the error has no line.
func (w *writer) fieldOf(err error) Path {
	found := position.FindStringSubmatch(err.Error())
	if found == nil {
		return nil
	}
	line, err := strconv.Atoi(found[1])
	if err != nil || line < 1 || line > len(w.lines) {
		return nil
	}
	return w.lines[line-1]
}

func reason(err error) string { return position.ReplaceAllString(err.Error(), "") }

// fieldOfStart returns the field that the server reports before it starts, or nil if it is unknown.
func fieldOfStart(err error) Path {
	for _, known := range []struct {
		words string
		field Path
	}{
		{"max_payload", Path{"max_payload"}},
		{"server name", Path{"server_name"}},
		{"server_name", Path{"server_name"}},
		{"cluster.name", Path{"cluster", "name"}},
		{"cluster name", Path{"cluster", "name"}},
		{"domain name", Path{"jetstream", "domain"}},
		{"system_account", Path{"system_account"}},
		{"system account", Path{"system_account"}},
		{"preload", Path{"resolver", "preload"}},
		{"resolver", Path{"resolver"}},
		{"operator", Path{"operator"}},
	} {
		if strings.Contains(strings.ToLower(err.Error()), known.words) {
			return known.field
		}
	}
	return nil
}

// withStandIns returns the configuration with files in dir instead of the files that exist only on the server.
func (c Config) withStandIns(dir string) (Config, error) {
	if c.LogFile != "" {
		c.LogFile = filepath.Join(dir, "log_file")
	}
	if c.PIDFile != "" {
		c.PIDFile = filepath.Join(dir, "pid_file")
	}
	if c.JetStream != nil {
		js := *c.JetStream
		js.StoreDir = filepath.Join(dir, "store_dir")
		c.JetStream = &js
	}
	if c.Resolver != nil && c.Resolver.Dir != "" {
		r := *c.Resolver
		r.Dir = filepath.Join(dir, "resolver")
		c.Resolver = &r
	}
	if c.TLS == nil && (c.Cluster == nil || c.Cluster.TLS == nil) {
		return c, nil
	}
	texts, err := standInPEM()
	if err != nil {
		return c, err
	}
	files, err := writeCertificate(dir, texts)
	if err != nil {
		return c, err
	}
	c.TLS = c.TLS.with(files)
	if c.Cluster != nil {
		cluster := *c.Cluster
		cluster.TLS = cluster.TLS.with(files)
		c.Cluster = &cluster
	}
	return c, nil
}

// with returns the same settings with other files.
func (t *TLS) with(files certificateFiles) *TLS {
	if t == nil {
		return nil
	}
	other := *t
	other.CertFile, other.KeyFile = files.cert, files.key
	if t.CAFile != "" {
		other.CAFile = files.cert
	}
	return &other
}
