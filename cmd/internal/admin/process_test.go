package admin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
)

func TestProcess(t *testing.T) {
	for want, tell := range map[string]func() Process{
		`{"survive":false,"generation":1,"worker":` + strconv.Itoa(os.Getpid()) + `,"since":0}` + "\n": func() Process {
			p := alone()()
			p.Since = 0
			return p
		},
		`{"survive":true,"generation":3,"reason":"killed by signal 9","keeper":7,"worker":8,"holder":9,"since":1.5}` + "\n": func() Process {
			return Process{Survive: true, Generation: 3, Reason: "killed by signal 9", Keeper: 7, Worker: 8, Holder: 9, Since: 1.5}
		},
	} {
		a := &api{process: tell}
		answer := httptest.NewRecorder()
		a.showProcess(answer, nil)
		if answer.Code != http.StatusOK || answer.Body.String() != want {
			t.Errorf("%d %q, want %q", answer.Code, answer.Body, want)
		}
	}
}
