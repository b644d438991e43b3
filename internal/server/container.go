package server

import (
	"net/http"
	"time"
)

// containerAnswer is what SDKs expect from AWS_CONTAINER_CREDENTIALS_FULL_URI. All four fields are there, or botocore refuses it; an empty
// Token is none.
type containerAnswer struct {
	AccessKeyID     string    `json:"AccessKeyId"`
	SecretAccessKey string    `json:"SecretAccessKey"`
	Token           string    `json:"Token" doc:"Always empty: it is no session."`
	Expiration      time.Time `json:"Expiration" doc:"SDKs ask again some minutes before it."`
}

// container answers AWS SDKs.
func (s *Server) container(w http.ResponseWriter, r *http.Request, c *call) {
	got, err := s.handOut(r.Context(), c, r.PathValue("user"))
	if err != nil {
		s.fail(w, r, c, err)
		return
	}
	b := appendString(append(make([]byte, 0, 256), `{"AccessKeyId":`...), got.AccessKeyID)
	b = appendString(append(b, `,"SecretAccessKey":`...), got.SecretAccessKey.Reveal())
	b = append(b, `,"Token":"","Expiration":"`...)
	b = got.Expiration.UTC().AppendFormat(b, time.RFC3339)
	writeJSON(w, append(b, `"}`...))
}
