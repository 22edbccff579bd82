package million

// slopes computes what the connections cost from the readings. Those with half of the
// connections and with all come in pairs, before and after a return of free memory.
func (m *Memory) slopes(all int) {
	first, last := m.Readings[0], Reading{}
	at := func(conns int, trimmed bool) (found Reading) {
		for _, r := range m.Readings {
			if r.Conns == conns && r.Trimmed == trimmed {
				found = r
			}
		}
		return found
	}
	half := all / 2
	over := float64(all - half)
	last = at(all, false)
	m.PerConnRaw = float64(last.Private-at(half, false).Private) / over
	m.PerConn = float64(at(all, true).Private-at(half, true).Private) / over
	m.Heap = float64(at(all, true).Heap-at(half, true).Heap) / over
	m.RSS = last.RSS
	m.RSSPerConn = float64(last.RSS-first.RSS) / float64(all)
	m.Kernel = float64(last.Kernel-first.Kernel) / float64(all)
}
