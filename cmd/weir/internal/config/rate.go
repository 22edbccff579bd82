package config

import (
	"math"
	"strconv"
	"strings"
)

// Rate is a number of events in a second; 0 means that there is no limit.
type Rate float64

// maxRate is the most that a Rate can be: more than any machine does.
const maxRate = 1e9

// rateUnits are what a rate may be counted by.
var rateUnits = []struct {
	suffix  string
	seconds float64
}{{"/s", 1}, {"/m", 60}, {"/h", 3600}}

// parseRate reads "2000/s", "90/m", "10/h" or "0".
func parseRate(s string) (Rate, *misfit) {
	if s == "0" {
		return 0, nil
	}
	for _, u := range rateUnits {
		number, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || math.IsNaN(n) || n < 0 || n/u.seconds > maxRate {
			break
		}
		return Rate(n / u.seconds), nil
	}
	wrong := misfitf("%q is not a rate; write it like 2000/s, 90/m or 10/h", s)
	if n, err := strconv.ParseFloat(s, 64); err == nil && n > 0 && n <= maxRate {
		wrong.near = s + "/s"
	}
	return 0, wrong
}

// String writes r by the unit that needs the fewest digits.
func (r Rate) String() string {
	if r == 0 {
		return "0"
	}
	best := ""
	for _, u := range rateUnits {
		s := strconv.FormatFloat(float64(r)*u.seconds, 'g', -1, 64) + u.suffix
		if back, wrong := parseRate(s); wrong == nil && back == r && (best == "" || len(s) < len(best)) {
			best = s
		}
	}
	return best
}
