package script

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Bounds of what is read from disk.
const (
	maxFile      = 4 << 20 // bytes of one file
	maxLibraries = 100
)

// Source is a script with all libraries that it imports.
type Source struct {
	// Name is the script's file name, without its folder.
	Name string `json:"name"`

	// Code is its JavaScript.
	Code string `json:"code"`

	// Libraries are the code of what is imported, by the name it is imported by. Libraries that are built in are not
	// among them.
	Libraries map[string]string `json:"libraries,omitempty"`
}

// Load reads a script, and from its folder the libraries that it and they import: "name" is the file name.js there,
// "@rs/userAgentParser/v1" is @rs/userAgentParser/v1.js. Nothing outside of the folder is read. The error says which
// line is wrong in which file.
func Load(path string) (Source, error) {
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return Source{}, err
	}
	defer folder.Close()
	s := Source{Name: filepath.Base(path), Libraries: make(map[string]string)}
	if s.Code, err = readFile(folder, s.Name); err != nil {
		return Source{}, fmt.Errorf("%s: %w", path, err)
	}
	missing, err := s.imports(s.Name, s.Code)
	for err == nil && len(missing) > 0 {
		name := missing[0]
		missing = missing[1:]
		if _, known := s.Libraries[name]; known {
			continue
		}
		if len(s.Libraries) == maxLibraries {
			return Source{}, fmt.Errorf("%s imports more than %d libraries", path, maxLibraries)
		}
		var further []string
		if further, err = s.readLibrary(folder, name); err == nil {
			missing = append(missing, further...)
		}
	}
	if err != nil {
		return Source{}, err
	}
	return s, nil
}

// imports are the libraries that a file needs beside those that are built in.
func (s *Source) imports(name, code string) ([]string, error) {
	m, err := compile(name, code)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(m.imports, func(name string) bool { return name == hashLibrary }), nil
}

// libraryName is what can be a file in the script's folder.
var libraryName = regexp.MustCompile(`^(?:\./)?@?[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*(?:\.js)?$`)

// readLibrary adds a library and returns the names of those that it imports.
func (s *Source) readLibrary(folder *os.Root, name string) ([]string, error) {
	if !libraryName.MatchString(name) {
		return nil, fmt.Errorf("%s imports %q: only libraries in its own folder can be imported, by names such as \"myLibrary\"", s.Name, name)
	}
	file := libraryFile(name)
	code, err := readFile(folder, file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s imports %q, which is no file %s in its folder; built in is %q only", s.Name, name, file, hashLibrary)
	}
	if err != nil {
		return nil, fmt.Errorf("%s imports %q: %w", s.Name, name, err)
	}
	s.Libraries[name] = code
	return s.imports(file, code)
}

func libraryFile(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, "./"), ".js") + ".js"
}

func readFile(folder *os.Root, name string) (string, error) {
	file, err := folder.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("larger than %d bytes", maxFile)
	}
	return string(data), nil
}
