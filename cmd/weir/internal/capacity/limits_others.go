//go:build unix && !linux

package capacity

// limits are those that are found without asking the kernel for more.
func limits() []Limit {
	if most, ok := descriptors(); ok {
		return []Limit{files(most)}
	}
	return nil
}
