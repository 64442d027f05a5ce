package claims

// SystemAccount returns the system account of an operator, over which servers talk to each other and are asked. It exports what
// the NATS CLI and dashboards ask of the own account, as nsc makes it (nsc, cmd/addoperator.go). It has no JetStream: nats-server
// refuses a system account that does.
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
				Name: "account-monitoring-services", Subject: "$SYS.REQ.ACCOUNT.*.*", Type: Service, ResponseType: "Stream", AccountTokenPosition: 4,
				Description: "Request account specific monitoring services for: SUBSZ, CONNZ, LEAFZ, JSZ and INFO", InfoURL: docs,
			},
		},
	}
	for _, key := range sorted(signingKeys) {
		a.SigningKeys = append(a.SigningKeys, SigningKey{PublicKey: key})
	}
	return a
}
