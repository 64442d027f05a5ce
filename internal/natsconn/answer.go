package natsconn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/nats-k3s/terraform-provider-nats/internal/secret"
)

// MaxAnswer is the maximum size of a response in bytes, unless the server accepts larger messages. The largest
// responses list the streams of an account, with a few hundred bytes for each stream.
const MaxAnswer = 8 << 20

// AnswerError means that the response does not match the request. The response is ignored. It is unknown whether the
// server carried out the request.
type AnswerError struct {
	// Asked describes the request, for example "the stream KV_kine", and Got the response, for example "about the stream
	// KV_other".
	Asked, Got string
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("the server was asked for %s and answered %s", e.Asked, e.Got)
}

// Unread returns the error for a response that cannot be parsed.
func Unread(asked string, err error) *AnswerError {
	return &AnswerError{Asked: asked, Got: "with invalid data: " + secret.FromServer(err.Error())}
}

// checkSize rejects a response that is too large.
func checkSize(msg *nats.Msg, maxPayload int64) error {
	limit := max(MaxAnswer, maxPayload)
	if size := int64(len(msg.Data)); size > limit {
		return &AnswerError{Asked: secret.FromServer(msg.Subject),
			Got: fmt.Sprintf("with %d bytes, more than the maximum of %d", size, limit)}
	}
	return nil
}

// Unmarshal parses a response, which must be a JSON object, into a value. Asked describes the request.
func Unmarshal(asked string, data []byte, into any) error {
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return &AnswerError{Asked: asked, Got: "with something other than a JSON object"}
	}
	if err := json.Unmarshal(data, into); err != nil {
		return Unread(asked, err)
	}
	return nil
}

const (
	// typePrefix is the prefix of the type of every response of the JetStream API.
	typePrefix = "io.nats.jetstream.api.v1."
	// Types of responses to any call: the server is overloaded, or it cannot parse the request.
	typeOverloaded, typeSystem = "system_overloaded", "system_response"
	typeAccountInfo            = "account_info_response"
	typeStreamInfo             = "stream_info_response"
	typeStreamCreate           = "stream_create_response"
	typeStreamUpdate           = "stream_update_response"
	typeStreamNames            = "stream_names_response"
	typeConsumerList           = "consumer_list_response"
)

// answerType returns the type of the response to a call, and the stream in the call, if any.
func answerType(call string) (kind, stream string) {
	tokens := strings.SplitN(call, ".", 4)
	if len(tokens) == 1 {
		return strings.ToLower("account_"+tokens[0]) + "_response", ""
	}
	kind = strings.ToLower(tokens[0]+"_"+tokens[1]) + "_response"
	if len(tokens) > 2 {
		stream = tokens[2]
	}
	return kind, stream
}

// envelope holds the fields that show whether a response of the JetStream API belongs to a call.
type envelope struct {
	Type    string    `json:"type"`
	Error   *APIError `json:"error"`
	Domain  string    `json:"domain"`
	Success bool      `json:"success"`
	Config  *struct {
		Name string `json:"name"`
	} `json:"config"`
	State   *struct{} `json:"state"`
	Created time.Time `json:"created"`
}

// checkAnswer compares a response with its call. It returns the error in the response, or an [*AnswerError] if the
// response does not belong to the call.
func (js *JetStream) checkAnswer(call string, data []byte) error {
	kind, stream := answerType(call)
	asked := call
	if stream != "" {
		asked = fmt.Sprintf("%s of the stream %s", strings.TrimSuffix(call, "."+stream), stream)
	}
	wrong := func(got string, args ...any) error { return &AnswerError{Asked: asked, Got: fmt.Sprintf(got, args...)} }
	var e envelope
	if err := Unmarshal(asked, data, &e); err != nil {
		return err
	}
	got, known := strings.CutPrefix(e.Type, typePrefix)
	switch {
	case e.Error != nil && known && (got == typeOverloaded || got == typeSystem) && e.Error.Code != codeNotFound:
		return e.Error
	case e.Error != nil && kind == typeStreamUpdate && got == typeStreamCreate:
		// Servers of a cluster send this type if an update fails after they started it (processClusterUpdateStream in
		// nats-server's server/jetstream_cluster.go).
		return e.Error
	case !known || got != kind:
		return wrong("with the type %q, not %q", secret.FromServer(e.Type), typePrefix+kind)
	case e.Error != nil && *e.Error == (APIError{}):
		return wrong("with an empty error")
	case e.Error != nil:
		return e.Error
	case js.domain != "" && e.Domain != js.domain && (e.Domain != "" || kind == typeAccountInfo):
		return wrong("for the JetStream domain %q, not %q", secret.FromServer(e.Domain), js.domain)
	}
	switch kind {
	case typeStreamInfo, typeStreamCreate, typeStreamUpdate:
		switch {
		case e.Config == nil || e.State == nil || e.Created.IsZero():
			return wrong("without the stream's configuration, its state or its time of creation")
		case e.Config.Name != stream:
			return wrong("about the stream %q", secret.FromServer(e.Config.Name))
		}
	case "stream_delete_response", "stream_purge_response":
		if !e.Success {
			return wrong("neither with success nor with an error")
		}
	case typeConsumerList:
		return checkConsumers(asked, stream, data)
	case typeStreamNames:
		return checkNames(asked, data)
	}
	return nil
}

// codeNotFound is the status of an object that does not exist. Overloaded servers never return it.
const codeNotFound = 404

// checkConsumers rejects consumers of another stream.
func checkConsumers(asked, stream string, data []byte) error {
	var page struct {
		Limit     int `json:"limit"`
		Consumers []struct {
			Stream string `json:"stream_name"`
		} `json:"consumers"`
	}
	if err := Unmarshal(asked, data, &page); err != nil {
		return err
	}
	if page.Limit <= 0 {
		return &AnswerError{Asked: asked, Got: "without the number of consumers per page"}
	}
	for _, consumer := range page.Consumers {
		if consumer.Stream != stream {
			return &AnswerError{Asked: asked,
				Got: secret.Sprintf("about a consumer of the stream %q", secret.FromServer(consumer.Stream))}
		}
	}
	return nil
}

// checkNames rejects invalid names of streams, because the subject of the next request contains the name.
func checkNames(asked string, data []byte) error {
	var page struct {
		Streams []string `json:"streams"`
	}
	if err := Unmarshal(asked, data, &page); err != nil {
		return err
	}
	for _, name := range page.Streams {
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`.*>/\`, r) }) {
			return &AnswerError{Asked: asked,
				Got: secret.Sprintf("with %q, which is not the name of a stream", secret.FromServer(name))}
		}
	}
	return nil
}
