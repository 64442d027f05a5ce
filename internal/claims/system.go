package claims

// SystemAccount returns the system account of an operator, which carries the traffic between servers and the requests
// to them. It has the exports that nsc creates (cmd/addoperator.go), which let the NATS CLI and dashboards monitor an
// account from within it. It has no JetStream, because nats-server rejects a system account that does.
func SystemAccount(publicKey, name string, signingKeys []string) *Account {
	const docs = "https://docs.nats.io/nats-server/configuration/sys_accounts"
	a := &Account{
		Claims: Claims{PublicKey: publicKey, Name: name},
		Exports: []Export{
			{
				Name: "account-monitoring-streams", Subject: "$SYS.ACCOUNT.*.>", Type: Stream, AccountTokenPosition: 3,
				Description: "Account specific monitoring stream", InfoURL: docs,
			},
			{
				Name: "account-monitoring-services", Subject: "$SYS.REQ.ACCOUNT.*.*", Type: Service, ResponseType: "Stream",
				AccountTokenPosition: 4,
				Description:          "Request account specific monitoring services for: SUBSZ, CONNZ, LEAFZ, JSZ and INFO",
				InfoURL:              docs,
			},
		},
	}
	for _, key := range sorted(signingKeys) {
		a.SigningKeys = append(a.SigningKeys, SigningKey{PublicKey: key})
	}
	return a
}
