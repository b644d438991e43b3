package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// readyFile is what --ready-file writes: where the simulated AWS is, and with which credentials. Programs read it.
type readyFile struct {
	Endpoint string `json:"aws_endpoint"`
	KeyID    string `json:"aws_access_key_id"`
	Secret   string `json:"aws_secret_access_key"`
}

// write writes the file, whole or not at all, for its owner only.
func (r readyFile) write(path string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ready-*") // mode 0600
	if err != nil {
		return usagef("the ready file %s cannot be written: %v", path, err)
	}
	_, err = f.Write(append(text, '\n'))
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing the ready file %s: %w", path, err)
	}
	return nil
}
