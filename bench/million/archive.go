package million

import (
	"fmt"
	"io"
)

// archive writes a cpio archive in the format "newc", of which a kernel makes its
// first file system (Documentation/driver-api/early-userspace/buffer-format).
// The first error stays, and end returns it.
type archive struct {
	w     io.Writer
	inode int
	at    int64 // bytes written
	err   error
}

// The types of files in a mode.
const (
	modeDirectory = 0o040000
	modeFile      = 0o100000
	modeDevice    = 0o020000 // of characters
)

// directory adds a directory.
func (a *archive) directory(name string) { a.header(name, modeDirectory|0o755, 0, 0, 0) }

// device adds a character device.
func (a *archive) device(name string, major, minor int) {
	a.header(name, modeDevice|0o666, 0, major, minor)
}

// file adds a program or any other file with size bytes from r.
func (a *archive) file(name string, size int64, r io.Reader) {
	a.header(name, modeFile|0o755, size, 0, 0)
	if a.err != nil {
		return
	}
	n, err := io.Copy(a.w, io.LimitReader(r, size))
	a.at += n
	if err == nil && n != size {
		err = fmt.Errorf("%s has %d bytes of %d", name, n, size)
	}
	a.err = err
	a.pad()
}

// end writes the end of the archive.
func (a *archive) end() error {
	a.inode = -1 // the end has inode 0
	a.header("TRAILER!!!", 0, 0, 0, 0)
	if a.err != nil {
		return fmt.Errorf("million: archive: %w", a.err)
	}
	return nil
}

// header writes all of an entry but its content.
func (a *archive) header(name string, mode int, size int64, major, minor int) {
	a.inode++
	// magic, inode, mode, uid, gid, links, time, size, device, device of a node, length
	// of the name with its NUL, checksum, which newc has none of
	a.write([]byte(fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0, name)))
	a.pad()
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() { a.write(make([]byte, -a.at&3)) }

func (a *archive) write(b []byte) {
	if a.err != nil {
		return
	}
	n, err := a.w.Write(b)
	a.at += int64(n)
	a.err = err
}
