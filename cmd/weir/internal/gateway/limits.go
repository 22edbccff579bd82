package gateway

import "time"

const (
	// maxTopicBytes bounds a topic's name: 200 characters of ASCII.
	maxTopicBytes = 200
	// maxTopics bounds the topics of one client. What their names take together
	// is bounded by the engine: a request's head has at most 8 KiB.
	maxTopics = 100
	// maxPayloadBytes bounds one published message: 64 KiB.
	maxPayloadBytes = 64 << 10
	// maxMessageBytes bounds what a client sends, which is only looked at to
	// tell it that it should not.
	maxMessageBytes = 64 << 10
	// maxBodyTime bounds the wait for a published message.
	maxBodyTime = 10 * time.Second
	// countsEvery is how often the live counts are looked at.
	countsEvery = 250 * time.Millisecond
)
