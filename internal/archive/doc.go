// Package archive is the form of a journal in a file: everything that is stored, with the sequences and times by which
// the journal refers to it. A journal that is read back from such a file goes on exactly where the other one stood.
//
// A file is a line of text that says what it is, and then frames. A frame is
//
//	byte    kind
//	uint32  length of the content as it is in the file, little endian
//	uint32  CRC-32C of the 5 bytes before and of the content, little endian
//	        content, an s2 block
//
// and the frames are, in this order:
//
//	H  JSON, see Header: what was exported, when, and which streams there are
//	S  JSON, a journal.StoredStream: a stream begins
//	M  messages of the stream, each: sequence (uvarint, relative to the message before), time (varint, nanoseconds,
//	   relative to the message before, the first to 1970), subject, header and data (uvarint length, bytes)
//	E  JSON, see streamEnd: the stream ends; number of its messages, and their digest
//	Z  JSON, see Summary: the file ends; nothing follows
//
// H and Z occur once, S, M… and E for each stream. A reader has one frame in memory, of at most 10 MiB.
package archive
