package address

// lock would lock a directory, which Windows cannot: sockets that are left behind
// stay.
func lock(string) (unlock func(), ok bool) { return func() {}, false }
