package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirws/weir/cmd/weir/internal/size"
)

// setText gives v, which is no list and no group, the value that text stands
// for, as far as k allows it.
func setText(v reflect.Value, k *key, text string) *misfit {
	switch v.Interface().(type) {
	case bool:
		if text != "true" && text != "false" {
			wrong := oneOf(text, []string{"true", "false"})
			switch strings.ToLower(text) {
			case "yes", "on", "1":
				wrong.near = "true"
			case "no", "off", "0":
				wrong.near = "false"
			}
			return wrong
		}
		v.SetBool(text == "true")
		return nil
	case time.Duration:
		d, wrong := parseDuration(text)
		if wrong != nil {
			return wrong
		}
		return setNumber(v, k, int64(d), func(n int64) string { return showDuration(time.Duration(n)) })
	case size.Bytes:
		n, wrong := parseSize(text)
		if wrong != nil {
			return wrong
		}
		return setNumber(v, k, n, func(n int64) string { return showSize(size.Bytes(n)) })
	case Rate:
		r, wrong := parseRate(text)
		if wrong != nil {
			return wrong
		}
		v.SetFloat(float64(r))
		return nil
	case int:
		n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
		if err != nil {
			return misfitf("%q is not a whole number", text)
		}
		return setNumber(v, k, n, func(n int64) string { return strconv.FormatInt(n, 10) })
	case netip.Prefix:
		p, wrong := parsePrefix(text)
		if wrong != nil {
			return wrong
		}
		v.Set(reflect.ValueOf(p))
		return nil
	}
	if wrong := k.judge(text); wrong != nil {
		return wrong
	}
	v.SetString(text)
	return nil
}

// judge says what is wrong with a text as the value of k, or as an element of
// the list that is its value.
func (k *key) judge(text string) *misfit {
	switch {
	case text == "" && k.required:
		return misfitf("it is empty")
	case text == "" && !k.list:
		return nil
	case k.words != nil && !slices.Contains(k.words, text):
		return oneOf(text, k.words)
	case k.check != nil:
		return k.check(text)
	}
	return nil
}

// setNumber sets v to n if it is within the bounds of k.
func setNumber(v reflect.Value, k *key, n int64, show func(int64) string) *misfit {
	if n < k.least {
		return misfitf("%s is too little; the least is %s", show(n), show(k.least))
	}
	if most := k.most; most > 0 && n > most {
		return misfitf("%s is too much; the most is %s", show(n), show(most))
	}
	v.SetInt(n)
	return nil
}

// parseDuration reads "1h30m", "10s", "2d" or "0".
func parseDuration(s string) (time.Duration, *misfit) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	switch {
	case err == nil && d >= 0:
		return d, nil
	case err == nil:
		return 0, misfitf("%q is negative", s)
	}
	if _, err := strconv.ParseUint(s, 10, 31); err == nil {
		return 0, &misfit{fmt.Sprintf("%q has no unit", s), s + "s"}
	}
	return 0, misfitf("%q is not a duration; write it like 500ms, 30s, 5m or 1h30m", s)
}

// showDuration is parseDuration's inverse, without parts that are zero.
func showDuration(d time.Duration) string {
	s := d.String()
	if d >= time.Minute && strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if d >= time.Hour && strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// parseSize reads "64KiB", "64k" or "65536".
func parseSize(s string) (int64, *misfit) {
	var b size.Bytes
	if err := b.Set(s); err != nil {
		return 0, misfitf("%q is not a number of bytes; write it like 4096, 64KiB or 16MiB", s)
	}
	return int64(b), nil
}

// showSize is parseSize's inverse, with the largest unit that leaves it whole.
func showSize(b size.Bytes) string {
	for _, u := range []struct {
		suffix string
		shift  uint
	}{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if b > 0 && b&(1<<u.shift-1) == 0 {
			return strconv.Itoa(int(b>>u.shift)) + u.suffix
		}
	}
	return strconv.Itoa(int(b))
}

// parsePrefix reads a network, or an address, which is a network of one.
func parsePrefix(s string) (netip.Prefix, *misfit) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, misfitf("%q is not a network; write it like 10.0.0.0/8 or 192.0.2.1", s)
	}
	if p != p.Masked() {
		return p, &misfit{fmt.Sprintf("%q has bits behind its prefix", s), p.Masked().String()}
	}
	return p, nil
}
