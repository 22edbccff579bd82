// Package secret compares secrets without telling, by the time that it takes,
// how much of a guess was right.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Equal reports whether a guess is the secret. How long it takes depends on the
// lengths only, and not on what they have in common; an empty secret is equal to
// nothing.
func Equal(guess, secret string) bool {
	_, ok := Find(guess, []string{secret})
	return ok
}

// Find returns which of the secrets a guess is. It always looks at all of them.
func Find(guess string, secrets []string) (int, bool) {
	found := -1
	hashed := sha256.Sum256([]byte(guess)) // equal lengths, whatever was sent
	for i, s := range secrets {
		want := sha256.Sum256([]byte(s))
		same := subtle.ConstantTimeCompare(hashed[:], want[:])
		if s == "" {
			same = 0
		}
		found = subtle.ConstantTimeSelect(same, i, found)
	}
	return found, found >= 0
}
