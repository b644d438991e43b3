package store

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"
)

// A batch is a version byte, the time of its first read as a varint, and the reads one after the other:
//
//	varint   microseconds since the first read's time; they come nearly in order
//	uvarint  number of the user, the caller and the route, three of them
//	key      a byte with the length of the access key id, and the id; 0xff: ten bytes, for AKIA and 16 letters of base 32
//	from     a byte with the length of the address, 0, 4 or 16, and the address
const batchVersion = 1

// placeBits number the reads of a batch in a Seq, below the batch's id.
const placeBits = 12

// epoch makes room for them: 2020-01-01T00:00:00Z in microseconds.
const epoch = 1577836800_000000

func seqOf(id int64, place int) int64 { return (id-epoch)<<placeBits | int64(place) }

func splitSeq(seq int64) (id int64, place int) {
	return seq>>placeBits + epoch, int(seq & (1<<placeBits - 1))
}

var errBatch = errors.New("a batch of access records cannot be read")

// name is what is kept once, in the table names, and has a number there.
type name struct{ kind, account, text string }

const (
	userName   = "user"
	callerName = "caller"
	routeName  = "route"
)

// encode gives a batch, and the time of its last read; or the names that have no number yet, and then no batch.
func encode(reads []Access, numbers map[name]int64) (last int64, blob []byte, unknown []name) {
	first := moment(reads[0].At)
	blob = binary.AppendVarint(append(make([]byte, 0, 16+28*len(reads)), batchVersion), first)
	for i := range reads {
		a := &reads[i]
		at := moment(a.At)
		last = max(last, at)
		blob = binary.AppendVarint(blob, at-first)
		for _, n := range [...]name{{userName, a.User.Account, a.User.Name}, {callerName, "", a.Caller}, {routeName, "", a.Route}} {
			number := numbers[n]
			if number == 0 {
				unknown = append(unknown, n)
			}
			blob = binary.AppendUvarint(blob, uint64(number))
		}
		blob = appendKey(blob, a.AccessKeyID)
		switch from := a.From.Unmap(); {
		case from.Is4():
			b := from.As4()
			blob = append(append(blob, 4), b[:]...)
		case from.Is6():
			b := from.As16()
			blob = append(append(blob, 16), b[:]...)
		default:
			blob = append(blob, 0)
		}
	}
	if len(unknown) > 0 {
		return 0, nil, unknown
	}
	return last, blob, nil
}

// read is one access as a batch holds it.
type read struct {
	at                  int64
	user, caller, route int64
	key                 []byte // as appendKey wrote it
	from                []byte
}

// decode hands every read of a batch to each, in the order in which they were recorded.
func decode(blob []byte, each func(read)) error {
	if len(blob) == 0 || blob[0] != batchVersion {
		return errBatch
	}
	d := decoder{rest: blob[1:]}
	first := d.varint()
	for len(d.rest) > 0 && !d.bad {
		r := read{at: first + d.varint()}
		r.user, r.caller, r.route = d.uvarint(), d.uvarint(), d.uvarint()
		r.key = d.key()
		if n := d.bytes(1); len(n) == 1 {
			r.from = d.bytes(int(n[0]))
		}
		if !d.bad {
			each(r)
		}
	}
	if d.bad {
		return errBatch
	}
	return nil
}

// decoder takes a batch apart. What is cut off or absurd is bad, and reads as nothing.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	return v * d.took(n)
}

func (d *decoder) uvarint() int64 {
	v, n := binary.Uvarint(d.rest)
	return int64(v) * d.took(n)
}

// took gives 1, or 0 when there was nothing to take.
func (d *decoder) took(n int) int64 {
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return 1
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

const (
	packedKey  = 0xff
	packedSize = 10
	keyPrefix  = "AKIA"
)

// appendKey writes an access key id. All that IAM makes today are AKIA and 16 letters of base 32.
func appendKey(blob []byte, id string) []byte {
	if rest, ok := strings.CutPrefix(id, keyPrefix); ok && len(rest) == 16 {
		var packed [packedSize]byte
		if n, err := base32.StdEncoding.Decode(packed[:], []byte(rest)); err == nil && n == packedSize { // padding and line breaks are fewer
			return append(append(blob, packedKey), packed[:]...)
		}
	}
	id = id[:min(len(id), 128)] // which is IAM's own bound
	return append(append(blob, byte(len(id))), id...)
}

// key takes what appendKey wrote, the first byte included.
func (d *decoder) key() []byte {
	size := 1
	if len(d.rest) > 0 && d.rest[0] == packedKey {
		size += packedSize
	} else if len(d.rest) > 0 {
		size += int(d.rest[0])
	}
	return d.bytes(size)
}

func keyOf(packed []byte) string {
	if packed[0] == packedKey {
		return keyPrefix + base32.StdEncoding.EncodeToString(packed[1:])
	}
	return text(string(packed[1:]))
}
