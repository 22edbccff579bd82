package config

const (
	// maxFileBytes bounds a configuration: 1 MiB, thousands of classes.
	maxFileBytes = 1 << 20
	// maxItems bounds each list: a class is looked for from the first to the
	// last, once for each topic that is made.
	maxItems = 1000
	// maxGlobBytes bounds a pattern: a topic's name has at most 200 bytes.
	maxGlobBytes = 200
	// maxFaults bounds what is said about one file.
	maxFaults = 100
)
