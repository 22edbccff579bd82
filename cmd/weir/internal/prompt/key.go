package prompt

import (
	"bufio"
	"slices"
	"unicode"
)

// key is what was pressed.
type key uint8

const (
	keyNone key = iota // nothing that matters
	keyRune            // a character
	keyEnter
	keyInterrupt // Ctrl-C
	keyEnd       // Ctrl-D: the end of input, or delete
	keyBackspace
	keyDelete
	keyLeft
	keyRight
	keyHome
	keyLast // the end of the line
	keyUp
	keyDown
	keyCutLeft  // Ctrl-U: to the beginning of the line
	keyCutRight // Ctrl-K: to its end
	keyCutWord  // Ctrl-W: the word before the cursor
	keyClear    // Ctrl-L: the screen
)

// controls are the keys that are one control character.
var controls = map[rune]key{
	'\r': keyEnter, '\n': keyEnter, 0x7f: keyBackspace,
	1: keyHome, 2: keyLeft, 3: keyInterrupt, 4: keyEnd, 5: keyLast, 6: keyRight, 8: keyBackspace, '\t': keyRune,
	11: keyCutRight, 12: keyClear, 14: keyDown, 16: keyUp, 21: keyCutLeft, 23: keyCutWord,
}

// sequences are what follows ESC [ or ESC O for the keys that we know.
var sequences = map[string]key{
	"A": keyUp, "B": keyDown, "C": keyRight, "D": keyLeft, "H": keyHome, "F": keyLast,
	"1~": keyHome, "7~": keyHome, "4~": keyLast, "8~": keyLast, "3~": keyDelete,
}

// readKey reads one key, and the character if it is one.
func readKey(in *bufio.Reader) (key, rune, error) {
	r, size, err := in.ReadRune()
	if err != nil {
		return keyNone, 0, err
	}
	const escape = 0x1b
	switch {
	case r == escape:
		k, err := readSequence(in)
		return k, 0, err
	case r == unicode.ReplacementChar && size == 1:
		return keyNone, 0, nil // not UTF-8
	case unicode.IsControl(r):
		return controls[r], r, nil
	}
	return keyRune, r, nil
}

// readSequence reads what follows ESC: ECMA-48, 5.4: parameters, then one final
// byte. A sequence that we don't know does nothing.
func readSequence(in *bufio.Reader) (key, error) {
	c, err := in.ReadByte()
	if err != nil {
		return keyNone, err
	}
	if c != '[' && c != 'O' {
		return keyNone, nil // Alt and a key
	}
	const longest = 16
	var s []byte
	for range longest {
		c, err := in.ReadByte()
		if err != nil {
			return keyNone, err
		}
		s = append(s, c)
		if c >= 0x40 && c <= 0x7e {
			break
		}
	}
	return sequences[string(s)], nil
}

// edit changes the line by one key.
func (p *Prompt) edit(k key, r rune) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch k {
	case keyNone:
		return
	case keyRune:
		if len(p.line) < maxLineRunes {
			p.line = slices.Insert(p.line, p.cursor, r)
			p.cursor++
		}
	case keyBackspace:
		p.cut(max(p.cursor-1, 0), p.cursor)
	case keyDelete:
		p.cut(p.cursor, min(p.cursor+1, len(p.line)))
	case keyLeft:
		p.cursor = max(p.cursor-1, 0)
	case keyRight:
		p.cursor = min(p.cursor+1, len(p.line))
	case keyHome:
		p.cursor = 0
	case keyLast:
		p.cursor = len(p.line)
	case keyCutLeft:
		p.cut(0, p.cursor)
	case keyCutRight:
		p.cut(p.cursor, len(p.line))
	case keyCutWord:
		p.cut(p.wordStart(), p.cursor)
	case keyClear:
		p.out.Write([]byte("\x1b[H\x1b[2J"))
	}
	p.redraw()
}

// cut removes line[from:to] and leaves the cursor there.
func (p *Prompt) cut(from, to int) {
	p.line = slices.Delete(p.line, from, to)
	p.cursor = from
}

// wordStart is where the word before the cursor begins.
func (p *Prompt) wordStart() int {
	i := p.cursor
	for i > 0 && unicode.IsSpace(p.line[i-1]) {
		i--
	}
	for i > 0 && !unicode.IsSpace(p.line[i-1]) {
		i--
	}
	return i
}
