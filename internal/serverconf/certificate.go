package serverconf

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// certificateFiles are the paths of a self-signed certificate and of its key.
type certificateFiles struct{ cert, key string }

// certificatePEM is a certificate and its key in PEM format.
type certificatePEM struct{ cert, key []byte }

// standInPEM is the certificate used by the check. nats-server reads certificate files when it parses a
// configuration, and the real ones exist only on the server. It is created once, is not trusted by anything, and
// never leaves the check.
var standInPEM = sync.OnceValues(func() (certificatePEM, error) {
	now := time.Now()
	return selfSigned(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "stand-in"},
		// Much longer than a provider process lives. The past year covers a clock that was set back.
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	})
})

func selfSigned(template *x509.Certificate) (texts certificatePEM, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return texts, err
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return texts, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return texts, err
	}
	texts.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	texts.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return texts, nil
}

func writeCertificate(dir string, texts certificatePEM) (certificateFiles, error) {
	files := certificateFiles{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	if err := os.WriteFile(files.cert, texts.cert, 0o600); err != nil {
		return files, err
	}
	return files, os.WriteFile(files.key, texts.key, 0o600)
}
