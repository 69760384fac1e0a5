package delivery

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"
)

// What a Memory holds: a byte for the version and then, for each contact, its digest and twice a call: the digests of the
// call and of its email, and the time in seconds since 1970, all in fixed width.
const (
	knownVersion = 1
	sentSize     = 2*len(digest{}) + 8
	contactSize  = len(digest{}) + 2*sentSize
	noTime       = 0 // there is no such call
)

var errKnown = errors.New("what was remembered of delivered calls cannot be read")

// encode writes what is known.
func (k *known) encode() []byte {
	out := append(make([]byte, 0, 1+len(k.contacts)*contactSize), knownVersion)
	for user, all := range k.contacts {
		out = append(out, user[:]...)
		out = all.contact.append(out)
		out = all.account.append(out)
	}
	return out
}

func (s sent) append(dst []byte) []byte {
	at := uint64(noTime)
	if !s.at.IsZero() {
		at = uint64(s.at.Unix())
	}
	dst = append(dst, s.call[:]...)
	dst = append(dst, s.email[:]...)
	return binary.BigEndian.AppendUint64(dst, at)
}

// decode reads what encode has written, as far as there is room for it.
func (k *known) decode(data []byte) error {
	if len(data) == 0 || data[0] != knownVersion || (len(data)-1)%contactSize != 0 {
		return errKnown
	}
	for r := bytes.NewBuffer(data[1:]); r.Len() > 0 && len(k.contacts) < k.most; {
		user := digest(r.Next(len(digest{})))
		k.contacts[user] = effects{contact: readSent(r), account: readSent(r)}
	}
	return nil
}

func readSent(r *bytes.Buffer) sent {
	s := sent{call: digest(r.Next(len(digest{}))), email: digest(r.Next(len(digest{})))}
	if at := binary.BigEndian.Uint64(r.Next(8)); at != noTime {
		s.at = time.Unix(int64(at), 0)
	}
	return s
}

// memoryTimeout bounds what reading and writing the memory may take.
const memoryTimeout = 5 * time.Second

// recall reads what was known when the worker was stopped. Without it more calls are made than necessary, nothing else.
func (w *Worker) recall(ctx context.Context, k *known) {
	if k == nil || w.o.Memory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, memoryTimeout)
	defer cancel()
	data, err := w.o.Memory.Recall(ctx)
	if err == nil && data != nil {
		err = k.decode(data)
	}
	if err != nil {
		w.o.Logger.WarnContext(ctx, "it is not known which calls were delivered before the start, so none is skipped", "error", err)
	}
}

// remember stores what is known for the next start.
func (w *Worker) remember(ctx context.Context, k *known) {
	if k == nil || w.o.Memory == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), memoryTimeout)
	defer cancel()
	if err := w.o.Memory.Remember(ctx, k.encode()); err != nil {
		w.o.Logger.WarnContext(ctx, "which calls were delivered is not remembered, so none will be skipped after the next start", "error", err)
	}
}
