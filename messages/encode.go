package messages

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"
)

// eventNames are the stable names of the events, and with that the list of all there are.
var eventNames = map[reflect.Type]string{
	reflect.TypeFor[ListenerOpened]():     "listener-opened",
	reflect.TypeFor[ListenerDraining]():   "listener-draining",
	reflect.TypeFor[ListenerClosed]():     "listener-closed",
	reflect.TypeFor[AcceptPaused]():       "accept-paused",
	reflect.TypeFor[AcceptResumed]():      "accept-resumed",
	reflect.TypeFor[SessionAccepted]():    "session-accepted",
	reflect.TypeFor[SessionOpened]():      "session-opened",
	reflect.TypeFor[SessionClosed]():      "session-closed",
	reflect.TypeFor[ActorFailed]():        "actor-failed",
	reflect.TypeFor[ActorKilled]():        "actor-killed",
	reflect.TypeFor[ActorRestarted]():     "actor-restarted",
	reflect.TypeFor[ActorStopped]():       "actor-stopped",
	reflect.TypeFor[SupervisionChanged](): "supervision-changed",
	reflect.TypeFor[ProcessRestarted]():   "process-restarted",
}

// EventName is an event's stable name; "" for what is no event of the proxy's.
func EventName(event any) string { return eventNames[reflect.TypeOf(event)] }

// EventNames are the names of all events, each with the keys that its JSON form has.
func EventNames() map[string][]string {
	all := map[string][]string{}
	for t, name := range eventNames {
		for key := range fieldsOf(reflect.New(t).Elem()) {
			all[name] = append(all[name], key)
		}
	}
	return all
}

// EncodeEvent is an event in its stable form: its name, and its fields as encoding/json writes them. The map is the caller's. ok is false
// for what is no event of the proxy's. It allocates, and is not for the goroutine that publishes.
func EncodeEvent(event any) (name string, fields map[string]any, ok bool) {
	name, ok = eventNames[reflect.TypeOf(event)]
	if !ok {
		return "", nil, false
	}
	return name, fieldsOf(reflect.ValueOf(event)), true
}

// fieldsOf encodes by the tags and types of the fields; see the beginning of events.go.
func fieldsOf(event reflect.Value) map[string]any {
	fields := map[string]any{}
	for i := range event.NumField() {
		key, value := event.Type().Field(i).Tag.Get("json"), event.Field(i).Interface()
		switch v := value.(type) {
		case time.Duration:
			key, value = key+"_s", v.Seconds()
		case netip.AddrPort:
			value = ""
			if v.IsValid() {
				value = v.String()
			}
		case Cause:
			value = v.String()
		case error:
			value = v.Error()
		case nil: // an error that is none
			value = ""
		case string, bool, int, uint32, uint64:
		default:
			value = fmt.Sprint(v)
		}
		fields[key] = value
	}
	return fields
}
