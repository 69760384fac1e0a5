package archive

import "tanker/internal/journal"

// ReadMessages reads the content of a frame of messages.
func ReadMessages(content []byte, stream journal.StoredStream, do func(*journal.StoredMessage) error) error {
	s := streamReader{stream: stream, digest: journal.NewDigest(stream.Name), do: do}
	return s.messages(content)
}
