package resolver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// subjectInfo asks for what servers have made of one account. Only servers that have loaded it answer.
func subjectInfo(publicKey string) string { return fmt.Sprintf("$SYS.REQ.ACCOUNT.%s.INFO", publicKey) }

// serverImport is an import as a server has it (ExtImport in nats-server's server/monitor.go).
type serverImport struct {
	Account string `json:"account"`
	Subject string `json:"subject"`
	Type    string `json:"type"`
	Invalid bool   `json:"invalid"`
}

// ineffective returns the imports of an account that a server does not take: there is no such export, it is of the
// other type, or it wants an activation that is not there. Servers store such an account all the same, and leave the
// import out. The error says why that is not known.
func (c *changing) ineffective(ctx context.Context, a *claims.Account) ([]claims.Import, error) {
	if len(a.Imports) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	asked := subjectInfo(c.publicKey)
	answers, err := c.resolver.system.gather(ctx, asked, nil, atLeast(c.survey.answering()))
	if err != nil {
		return nil, err
	}
	var without []claims.Import
	for _, msg := range answers {
		reply, err := readReply(asked, msg)
		if _, refused := errors.AsType[*RejectedError](err); refused {
			continue // it has not loaded the account
		}
		if err != nil {
			return nil, err
		}
		var info struct {
			Account  string         `json:"account_name"`
			Complete bool           `json:"complete"`
			Imports  []serverImport `json:"imports"`
		}
		switch err := natsconn.Unmarshal(asked, reply.data, &info); {
		case err != nil:
			return nil, err
		case info.Account != c.publicKey:
			return nil, otherAccount("the account "+c.publicKey, info.Account)
		case info.Complete:
			continue
		}
		for _, i := range a.Imports {
			if !taken(i, info.Imports) && !slices.Contains(without, i) {
				without = append(without, i)
			}
		}
	}
	return without, nil
}

// taken reports whether the import is one of those that a server has.
func taken(i claims.Import, imports []serverImport) bool {
	return slices.ContainsFunc(imports, func(s serverImport) bool {
		return !s.Invalid && s.Account == i.Account && s.Type == i.Type &&
			(s.Subject == i.Subject || i.To != "" && s.Subject == i.To)
	})
}
