package hub

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// CheckTopic says what is wrong with a topic's name.
func CheckTopic(name string) error {
	switch {
	case name == "":
		return errors.New("a topic has an empty name; name it like /ws?topic=news")
	case name == "." || name == "..":
		return fmt.Errorf("a topic cannot be named %q: no URL could name it", name) // RFC 3986, 5.2.4
	}
	return checkWord("topic's name", name, MaxNameBytes)
}

// CheckEvent says what is wrong with an event's name; none is all right.
func CheckEvent(name string) error { return checkWord("event's name", name, MaxNameBytes) }

// CheckKey says what is wrong with a conflate key; none is all right.
func CheckKey(key string) error { return checkWord("conflate key", key, MaxKeyBytes) }

func checkWord(what, word string, most int) error {
	switch {
	case len(word) > most:
		return fmt.Errorf("the %s has %d bytes; %d are the most", what, len(word), most)
	case !utf8.ValidString(word):
		return fmt.Errorf("the %s is not UTF-8", what)
	}
	for _, r := range word {
		if unicode.IsControl(r) {
			return fmt.Errorf("the %s %q has a control character", what, word)
		}
	}
	return nil
}
