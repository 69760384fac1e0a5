// Package backfill turns tables and files of events into what an SDK would have sent, checks them and sends them to a
// gateway: to bring contacts and accounts into Refiner that are known elsewhere already, or to repair them. It keeps a
// batch in memory, however long the input is.
package backfill

import (
	"errors"
	"io"
)

// Row is one row of the input and the events that it makes.
type Row struct {
	Number int      // in the input, from 1, without the header
	Line   int      // of the input where it begins, from 1
	Events [][]byte // JSON objects, each with a type
	Raw    []string // fields as they came, for those who mend a refused row

	// Problem says why the row makes no events, "" if it does.
	Problem string
}

// Reader reads rows. A row with a Problem is no error; after the last row comes io.EOF.
type Reader interface {
	Next() (Row, error)
}

// skip passes over rows that were dealt with already.
func skip(r Reader, rows int) error {
	for range rows {
		if _, err := r.Next(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
	return nil
}
