package console

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/weirws/weir/cmd/weir/internal/problem"
)

// line is a line of the input, or why there are no more.
type line struct {
	text string
	err  error
}

// read hands over the lines of the input, and last its error.
func (c *Console) read(ctx context.Context) <-chan line {
	next := c.nextLine()
	lines := make(chan line)
	go func() { // ends with ctx or the input; a read that blocks, with the process
		for {
			text, err := next()
			select {
			case lines <- line{text, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// nextLine returns what reads the next line.
func (c *Console) nextLine() func() (string, error) {
	if c.show.prompt != nil {
		return c.show.prompt.ReadLine
	}
	in := bufio.NewScanner(c.In)
	in.Buffer(nil, maxLineBytes)
	if c.Binary {
		in.Split(splitBytes)
	}
	return func() (string, error) {
		if in.Scan() {
			return in.Text(), nil
		}
		if errors.Is(in.Err(), bufio.ErrTooLong) {
			return "", problem.Failure(in.Err(), fmt.Sprintf("a line of the input has more than %d bytes", maxLineBytes), "")
		}
		if err := in.Err(); err != nil {
			return "", problem.Failure(err, "the input cannot be read: "+err.Error(), "")
		}
		return "", io.EOF
	}
}

// splitBytes is bufio.ScanLines that leaves a carriage return where it is.
func splitBytes(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
