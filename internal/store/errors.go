package store

import (
	"errors"
	"fmt"
)

// What can be wrong with the database, for errors.Is. None of them changes or removes the file.
var (
	ErrCorrupt  = errors.New("the database is damaged")
	ErrNotOurs  = errors.New("not a keyturn database")
	ErrNewer    = errors.New("the database was written by a newer keyturn")
	ErrReadOnly = errors.New("the database cannot be written")
	ErrLocked   = errors.New("the database is locked")
	ErrFull     = errors.New("the disk is full")
	ErrNoAccess = errors.New("the database cannot be opened")
	ErrMissing  = errors.New("there is no database")
	ErrDisk     = errors.New("the disk failed")
	ErrMoved    = errors.New("the database is another file now")
	ErrLog      = errors.New("the log of the database cannot be folded into it")
)

// FileError is a database that cannot be used, worded for a person. Unwrap gives one of the sentinels above and the cause.
type FileError struct {
	Path  string
	Kind  error
	Cause error // what the database or the operating system said; may be nil
}

// aside tells how to go on without a bad file, and that this is safe.
const aside = "stop every keyturn that uses it, move the file and those beside it that end in -wal and -shm away, and start again: " +
	"a new one is made, and only history is lost, as AWS holds the state of every key"

// Error is one sentence: what is wrong with which file, and what to do.
func (e *FileError) Error() string {
	switch e.Kind {
	case ErrCorrupt:
		return fmt.Sprintf("the database %s is damaged%s; %s", e.Path, e.cause(), aside)
	case ErrNotOurs:
		return fmt.Sprintf("%s is not a keyturn database%s, and was left as it is; name another file as \"database\" in the "+
			"configuration, or move this one away", e.Path, e.cause())
	case ErrNewer:
		return fmt.Sprintf("the database %s was written by a newer keyturn%s, and was left as it is; use that version, or %s",
			e.Path, e.cause(), aside)
	case ErrReadOnly:
		return fmt.Sprintf("the database %s cannot be written%s; give keyturn's user write access to the file and its folder, or "+
			"name another file", e.Path, e.cause())
	case ErrLocked:
		return fmt.Sprintf("the database %s is locked by another program%s; end that program or its transaction and try again",
			e.Path, e.cause())
	case ErrFull:
		return fmt.Sprintf("the disk of the database %s is full%s; free some space: no key is changed, and no credential given, that cannot be recorded",
			e.Path, e.cause())
	case ErrNoAccess:
		return fmt.Sprintf("the database %s cannot be opened%s; its folder must exist, and keyturn's user must be able to read and "+
			"write there", e.Path, e.cause())
	case ErrMissing:
		return fmt.Sprintf("there is no database %s yet: `keyturn run` makes it", e.Path)
	case ErrMoved:
		return fmt.Sprintf("the database %s was deleted, moved away or replaced while keyturn ran%s; it is opened or made anew, and what "+
			"was under way is looked at again", e.Path, e.cause())
	case ErrLog:
		return fmt.Sprintf("the log of the database %s has grown too long%s: another program reads the file and never ends; end it "+
			"(lsof %s-wal names it), then keyturn goes on", e.Path, e.cause(), e.Path)
	default:
		return fmt.Sprintf("the disk of the database %s failed%s; check the disk, and that it is not a network drive, which "+
			"SQLite cannot lock", e.Path, e.cause())
	}
}

func (e *FileError) cause() string {
	if e.Cause == nil {
		return ""
	}
	return " (" + e.Cause.Error() + ")"
}

// Unwrap gives what kind of trouble it is, and its cause.
func (e *FileError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
