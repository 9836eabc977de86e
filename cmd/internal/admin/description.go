package admin

import (
	_ "embed" // the description
	"net/http"
)

// description says what the API takes and answers, in the form of OpenAPI 3.1. The tests hold it to what is served.
//
//go:embed openapi.json
var description []byte

func showDescription(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, description) }
