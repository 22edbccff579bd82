//go:build unix

package main_test

import "syscall"

// asUser makes a command run as the user and group of that number.
func asUser(id uint32) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
}
