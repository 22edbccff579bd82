package engine

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// redirection is an answer that leads elsewhere, and that may be followed.
type redirection struct{ *DialError }

// isRedirect says whether an answer leads elsewhere: RFC 9110, 15.4.
func isRedirect(e *DialError) bool {
	switch e.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return e.Header.Get("Location") != ""
	}
	return false
}

// follow has d go on where the answer leads.
func (d *dialing) follow(answer *redirection) error {
	d.followed++
	to, err := d.at.redirected(answer.Header.Get("Location"))
	if err != nil {
		return errors.Join(fmt.Errorf("the redirect: %w", err), answer.DialError)
	}
	from := d.at
	d.at = to
	if !from.sameHost(to) {
		d.Host = ""
	}
	if !from.sameHost(to) || from.secure && !to.secure {
		d.disown()
	}
	d.authorize()
	if d.Redirect == nil {
		return nil
	}
	if d.Header == nil {
		d.Header = http.Header{}
	}
	if err := d.Redirect(to.url, d.Header); err != nil {
		return final{err}
	}
	return nil
}

// personal are the fields that are for the host alone that they were written
// for: what net/http drops, and what is meant for a proxy.
var personal = []string{"Authorization", "Www-Authenticate", "Cookie", "Cookie2", "Proxy-Authorization"}

// disown drops what other hosts must not get to know.
func (d *dialing) disown() {
	for name := range d.Header {
		for _, p := range personal {
			if strings.EqualFold(name, p) {
				delete(d.Header, name)
			}
		}
	}
}

// authorize has the user and password of the URL sent, unless the header has
// others: RFC 7617.
func (d *dialing) authorize() {
	user := d.at.url.User
	if user == nil {
		return
	}
	for name := range d.Header {
		if strings.EqualFold(name, "Authorization") {
			return
		}
	}
	if d.Header == nil {
		d.Header = http.Header{}
	}
	d.Header.Set("Authorization", basicAuth(user))
}
