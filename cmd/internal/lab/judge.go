package lab

import "math"

// Judge says of each prediction of an experiment what became of it, in their order. A prediction holds if it does in every cell that it
// speaks of, by the value that was measured there; a cell without a value says nothing, and a prediction without a cell does not hold.
func Judge(x Experiment, cells []Cell, seed uint64) []Verdict {
	all := make([]Verdict, len(x.Predict))
	for i, claim := range x.Predict {
		all[i] = judge(claim, cells, seed)
	}
	return all
}

func judge(claim Claim, cells []Cell, seed uint64) Verdict {
	v := Verdict{Holds: true}
	for _, c := range cells {
		if !claim.of(c) {
			continue
		}
		e, ok := Measure(c, claim.Figure, seed)
		if !ok {
			continue
		}
		v.Cells++
		v.Runs += e.Runs
		v.Holds = v.Holds && holds(e.Value, claim.relation(), claim.Value)
		if v.Cells == 1 || claim.worse(e.Value, v.Measured) {
			v.Measured, v.Low, v.High = e.Value, e.Low, e.High
		}
	}
	v.Holds = v.Holds && v.Cells > 0
	return v
}

// of reports whether the claim speaks of a cell.
func (c Claim) of(cell Cell) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return is(c.Strategy, cell.Strategy) && is(c.Victim, cell.Victim) && is(c.Traffic, cell.Traffic)
}

func (c Claim) relation() string {
	if c.Is == "" {
		return "="
	}
	return c.Is
}

// worse reports whether a speaks against the claim more than b does.
func (c Claim) worse(a, b float64) bool {
	switch c.relation() {
	case "<", "<=":
		return a > b
	case ">", ">=":
		return a < b
	case "!=":
		return math.Abs(a-c.Value) < math.Abs(b-c.Value)
	}
	return math.Abs(a-c.Value) > math.Abs(b-c.Value)
}

// same bounds what the arithmetic of means may add to a number, or take from it.
const same = 1e-9

func holds(a float64, relation string, b float64) bool {
	equal := math.Abs(a-b) <= same*max(1, math.Abs(b))
	switch relation {
	case "=":
		return equal
	case "!=":
		return !equal
	case "<":
		return a < b && !equal
	case "<=":
		return a < b || equal
	case ">":
		return a > b && !equal
	case ">=":
		return a > b || equal
	}
	return false
}
