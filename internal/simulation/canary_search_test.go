package simulation

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mark is in every secret access key of the worlds whose secrets are searched for. It holds the characters that JSON, HTML, URLs
// and base64 write in other ways.
const mark = "keyturnCANARY+/mark/x9Qz"

// canaryForms are those of the mark.
var canaryForms = formsOf(mark)

// formsOf gives ways in which a text can stand somewhere without being seen at once, each with what to search for.
func formsOf(mark string) map[string][][]byte {
	forms := map[string][][]byte{"plain": {[]byte(mark)}}
	h := hex.EncodeToString([]byte(mark))
	forms["hex"] = [][]byte{[]byte(h), []byte(strings.ToUpper(h))}
	for skip := range 3 { // where in a base64 quantum the mark begins; its ends share characters with what stands beside it
		whole := mark[skip : skip+(len(mark)-skip)/3*3]
		name := fmt.Sprint("base64, alignment ", skip)
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms[name] = append(forms[name], []byte(e.EncodeToString([]byte(whole))))
		}
	}
	return forms
}

var (
	unicodeEscape = regexp.MustCompile(`\\u[0-9a-fA-F]{4}`)
	packed64      = regexp.MustCompile(`H4sI[A-Za-z0-9+/_-]{20,}`)
	gzipHead      = []byte{0x1f, 0x8b, 0x08}
)

// unescaped takes away one layer of the escapes of JSON, HTML and URLs.
func unescaped(data []byte) []byte {
	out := unicodeEscape.ReplaceAllFunc(data, func(e []byte) []byte {
		n, _ := strconv.ParseUint(string(e[2:]), 16, 32)
		return []byte(string(rune(n)))
	})
	out = bytes.ReplaceAll(bytes.ReplaceAll(out, []byte(`\/`), []byte(`/`)), []byte(`\"`), []byte(`"`))
	out = bytes.ReplaceAll(out, []byte(`\\`), []byte(`\`))
	out = []byte(html.UnescapeString(string(out)))
	if u, err := url.PathUnescape(string(out)); err == nil {
		return []byte(u)
	}
	return regexp.MustCompile(`%[0-9a-fA-F]{2}`).ReplaceAllFunc(out, func(e []byte) []byte {
		b, _ := hex.DecodeString(string(e[1:]))
		return b
	})
}

// findCanary names the forms in which the mark stands in data, and where.
func findCanary(data []byte) (found []string) { return findIn(data, canaryForms, 3) }

func findIn(data []byte, forms map[string][][]byte, layers int) (found []string) {
	for name, needles := range forms {
		for _, n := range needles {
			if at := bytes.Index(data, n); at >= 0 {
				found = append(found, fmt.Sprintf("%s: …%.160q", name, data[max(0, at-80):at]))
			}
		}
	}
	if layers == 0 {
		return found
	}
	for at := bytes.Index(data, gzipHead); at >= 0; {
		found = append(found, within("gzip", unzip(data[at:]), forms, layers)...)
		next := bytes.Index(data[at+1:], gzipHead)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	for _, p := range packed64.FindAll(data, -1) {
		text := strings.NewReplacer("-", "+", "_", "/").Replace(string(p))
		raw, _ := base64.RawStdEncoding.DecodeString(text[:len(text)/4*4+[]int{0, 0, 2, 3}[len(text)%4]])
		found = append(found, within("gzip in base64", unzip(raw), forms, layers)...)
	}
	if u := unescaped(data); !bytes.Equal(u, data) {
		found = append(found, within("escaped", u, forms, layers)...)
	}
	return found
}

func within(how string, data []byte, forms map[string][][]byte, layers int) (found []string) {
	for _, f := range findIn(data, forms, layers-1) {
		found = append(found, how+", "+f)
	}
	return found
}

// unzip gives what can be read of a gzip stream, also when it is cut off or something follows it.
func unzip(data []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	r.Multistream(false)
	out, _ := io.ReadAll(io.LimitReader(r, 64<<20)) // what came before the error counts
	return out
}

func zip(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.Bytes()
}

// TestCanaryIsFound: copies of a secret that are planted in every form are found, each in the middle of other things; and nothing
// is found where nothing is.
func TestCanaryIsFound(t *testing.T) {
	secret := mark + "Ab3+/x9QzKlmnopq"
	inJSON, _ := json.Marshal(map[string]string{"SecretAccessKey": secret, "<a>": "b"})
	twice, _ := json.Marshal(string(inJSON))
	planted := map[string]string{
		"plain": secret, "JSON": string(inJSON), "JSON in JSON": string(twice),
		"JSON with escaped slashes": strings.ReplaceAll(string(inJSON), "/", `\/`),
		"JSON with unicode escapes": strings.NewReplacer("/", `\u002f`, "+", `\u002B`).Replace(string(inJSON)),
		"HTML":                      strings.ReplaceAll(secret, "+", "&#43;"),
		"URL":                       url.QueryEscape(secret), "hex": hex.EncodeToString([]byte(secret)), "HEX": fmt.Sprintf("%X", secret),
		"gzip": string(zip("before " + secret + " after")), "gzip of JSON": string(zip(string(twice))),
		"gzip in base64":     base64.StdEncoding.EncodeToString(zip(secret)),
		"gzip in URL base64": base64.RawURLEncoding.EncodeToString(zip(secret)), "base64 in gzip": string(zip(base64.StdEncoding.EncodeToString(inJSON))),
		"base64 in JSON": `{"x":"` + base64.StdEncoding.EncodeToString(inJSON) + `"}`,
	}
	for shift := range 3 {
		text := strings.Repeat("\xfe", shift) + secret + "\xff\xfe"
		planted[fmt.Sprint("base64, alignment ", shift)] = base64.StdEncoding.EncodeToString([]byte(text))
		planted[fmt.Sprint("URL base64, alignment ", shift)] = base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	around := strings.Repeat("nothing to see here: %zz \\ \x1f\x8b\x08 & ", 50)
	for form, text := range planted {
		if found := findCanary([]byte(around + text + around)); len(found) == 0 {
			t.Errorf("the mark was planted as %s and not found", form)
		}
	}
	if found := findCanary([]byte(around + mark[:20] + around)); len(found) != 0 {
		t.Errorf("found where nothing is: %v", found)
	}
}
