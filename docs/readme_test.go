package docs

import (
	"fmt"
	"go/ast"
	"go/doc"
	"regexp"
	"strings"
	"testing"
)

// things are what a word before a dot in the README's tables is short for.
var things = map[string]string{
	"srv": "Server", "c": "Conn", "client": "Client", "topic": "Topic", "sock": "Socket", "m": "Message",
}

// mention is a name of ours in a table: Options.Path, c.Send, engine.New, and others in a capital.
var mention = regexp.MustCompile(`(?:^|[^\w"/.:])((?:[a-z]+|[A-Z]\w*)\.[A-Z]\w*)`)

// proves is what go test runs.
var proves = regexp.MustCompile(`^(Test|Example|Fuzz)`)

// capital is a name of engine's that stands alone.
var capital = regexp.MustCompile(`^[A-Z]\w+$`)

// checkComparison holds the README's tables to what exists: every name of engine and codec in the middle, a test or an
// example in every row, and an example in every table.
func checkComparison(found map[string]*source, text string) (complaints []string, rows int) {
	names := map[string]map[string]bool{"engine": exportedOf(found["engine"]), "codec": exportedOf(found["codec"])}
	for _, section := range strings.Split(text, "\n### ") {
		table := append(allRows(section, "`ws`", "Weir", "shown by"), allRows(section, "there", "Weir", "shown by")...)
		example := len(table) == 0
		for _, row := range table {
			rows++
			complaints = append(complaints, checkRow(found, names, row)...)
			example = example || strings.Contains(row[2], "Example")
		}
		if !example {
			title, _, _ := strings.Cut(section, "\n")
			complaints = append(complaints, "the table of "+title+" has no example")
		}
	}
	return complaints, rows
}

// checkExamples complains of examples whose output nobody checks: those do not even run.
func checkExamples(found map[string]*source) (complaints []string) {
	for _, dir := range sorted(found) {
		if dir == "engine/enginetest" {
			continue // what it has wants a testing.TB, and examples have none
		}
		for _, name := range sorted(found[dir].tests) {
			for _, e := range doc.Examples(found[dir].tests[name]) {
				if e.Output == "" && !e.EmptyOutput {
					complaints = append(complaints, fmt.Sprintf("%s: Example%s has no output, so it does not run", name, e.Name))
				}
			}
		}
	}
	return complaints
}

func checkRow(found map[string]*source, names map[string]map[string]bool, row []string) (complaints []string) {
	for _, span := range code(row[1]) {
		if bare := strings.TrimPrefix(span, "*"); capital.MatchString(bare) && !names["engine"][bare] {
			complaints = append(complaints, fmt.Sprintf("the row of %s names %s, which engine has not", row[0], bare))
		}
		for _, m := range mention.FindAllStringSubmatch(span, -1) {
			of, name, _ := strings.Cut(m[1], ".")
			pkg := "engine"
			switch {
			case things[of] != "":
				name = things[of] + "." + name
			case names[of] != nil:
				pkg = of
			case of == "http" || of == "net":
				continue
			default:
				name = m[1]
			}
			if !names[pkg][name] {
				complaints = append(complaints, fmt.Sprintf("the row of %s names %s, which %s has not", row[0], m[1], pkg))
			} else if !used(found[pkg], name[strings.LastIndex(name, ".")+1:]) {
				complaints = append(complaints, fmt.Sprintf("the row of %s names %s, which no test of %s uses", row[0], m[1], pkg))
			}
		}
	}
	proofs := code(row[2])
	if len(proofs) == 0 {
		complaints = append(complaints, "the row of "+row[0]+" is shown by nothing")
	}
	for _, proof := range proofs {
		pkg, name, qualified := strings.Cut(proof, ".")
		if !qualified {
			pkg, name = "engine", proof
		}
		if !proves.MatchString(name) {
			complaints = append(complaints, fmt.Sprintf("the row of %s is shown by %s, which is neither a test nor an example", row[0], proof))
		}
		if pkg == "enginetest" {
			pkg = "engine/enginetest"
		}
		if !declared(found[pkg], name) {
			complaints = append(complaints, fmt.Sprintf("the row of %s is shown by %s, which does not exist", row[0], proof))
		}
	}
	return complaints
}

// declared says whether s has such a test, or example.
func declared(s *source, name string) bool {
	if s == nil {
		return false
	}
	for _, file := range s.tests {
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}

// used says whether a test of s uses something of that name.
func used(s *source, name string) (found bool) {
	for _, file := range s.tests {
		ast.Inspect(file, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			found = found || ok && id.Name == name
			return !found
		})
	}
	return found
}

// exportedOf are the names that s exports: Name, and Type.Member.
func exportedOf(s *source) map[string]bool {
	names := map[string]bool{}
	if s == nil {
		return names
	}
	for _, file := range s.files {
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names[strings.TrimPrefix(receiver(d)+"."+d.Name.Name, ".")] = true
			case *ast.GenDecl:
				for _, sp := range d.Specs {
					exportedSpec(names, sp)
				}
			}
		}
	}
	return names
}

func exportedSpec(names map[string]bool, sp ast.Spec) {
	switch sp := sp.(type) {
	case *ast.ValueSpec:
		for _, n := range sp.Names {
			names[n.Name] = true
		}
	case *ast.TypeSpec:
		names[sp.Name.Name] = true
		if st, ok := sp.Type.(*ast.StructType); ok {
			for _, f := range st.Fields.List {
				for _, n := range f.Names {
					names[sp.Name.Name+"."+n.Name] = true
				}
			}
		}
	}
}

// surface are the items of ws 8 that the README must speak of: its exports, options, members, events and errors.
var surface = strings.Fields(`
	WebSocketServer createWebSocketStream Receiver Sender PerMessageDeflate extension.parse subprotocol.parse
	port server noServer host backlog path clientTracking verifyClient handleProtocols maxPayload maxFragments
	maxBufferedChunks perMessageDeflate skipUTF8Validation autoPong allowSynchronousEvents closeTimeout
	serverNoContextTakeover clientNoContextTakeover serverMaxWindowBits clientMaxWindowBits zlibDeflateOptions
	zlibInflateOptions threshold concurrencyLimit
	address() clients close(cb) handleUpgrade shouldHandle listening connection headers wsClientError
	readyState send binary compress fin mask ping pong close(code terminate() pause() resume() isPaused bufferedAmount
	binaryType protocol url extensions open message error upgrade redirect unexpected-response onmessage addEventListener
	removeEventListener finishRequest followRedirects maxRedirects generateMask handshakeTimeout origin protocolVersion
	createConnection agent isAlive broadcast
	WS_ERR_UNEXPECTED_RSV_2_3 WS_ERR_UNEXPECTED_RSV_1 WS_ERR_INVALID_OPCODE WS_ERR_EXPECTED_FIN
	WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH WS_ERR_EXPECTED_MASK WS_ERR_UNEXPECTED_MASK WS_ERR_INVALID_CLOSE_CODE
	WS_ERR_INVALID_UTF8 WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH WS_ERR_UNSUPPORTED_MESSAGE_LENGTH
	WS_ERR_TOO_MANY_BUFFERED_PARTS WS_NO_BUFFER_UTIL WS_NO_UTF_8_VALIDATE
	extension.format 400 401 405 426 503 TCP_NODELAY socketPath localAddress ca cert key servername rejectUnauthorized
	JSON binary
`)

// others are what is wanted of other engines.
var others = strings.Fields(`
	uWebSockets: topics publish subscribers three-way drain dropped cork sendPingsAutomatically idleTimeout maxLifetime
	maxBackpressure closeOnBackpressureLimit shared dedicated async routes
	gws: WriteAsync reader storage Broadcaster Authorize
	gorilla: PreparedMessage ReadJSON WriteJSON Proxy CheckOrigin NextReader NextWriter
	coder: context NetConn CloseRead Ping wsjson
	nbio: listeners TLS executor HTTP/2 reconnecting-websocket
`)

// unmentioned are the items that stand in no first cell of the tables whose first column is titled so.
func unmentioned(text, title string, surface []string) (complaints []string) {
	var firsts strings.Builder
	for _, row := range allRows(text, title, "Weir", "shown by") {
		firsts.WriteString(row[0] + "\n")
	}
	for _, item := range surface {
		if !strings.Contains(firsts.String(), item) {
			complaints = append(complaints, "no row speaks of "+item)
		}
	}
	return complaints
}

func TestComparison(t *testing.T) {
	found, err := sources(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, repository(t), "README.md")
	complaints, rows := checkComparison(found, text)
	if rows < 80 {
		t.Errorf("%d rows were found", rows)
	}
	complaints = append(complaints, unmentioned(text, "`ws`", surface)...)
	report(t, append(complaints, unmentioned(text, "there", others)...))
}

func TestExamplesRun(t *testing.T) {
	found, err := sources(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkExamples(found))
}

func TestExamplesRunCanFail(t *testing.T) {
	found, err := sources(tree("engine/a_test.go", "package engine\nfunc ExampleA() {\n\t// Output:\n}\nfunc ExampleB() {\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	mustComplain(t, checkExamples(found), "engine/a_test.go: ExampleB has no output, so it does not run")
}

func TestComparisonCanFail(t *testing.T) {
	found, err := sources(tree(
		"engine/a.go", "package engine; type Options struct { Path string }; type Conn struct{}; func (c *Conn) Send() {}; func (c *Conn) Gone() {}",
		"engine/a_test.go", "package engine; func TestA() { _ = Options{Path: new(Conn).Send()} }; func helper() {}",
	))
	if err != nil {
		t.Fatal(err)
	}
	const text = "| `ws` | Weir | shown by |\n|---|---|---|\n" +
		"| good | `Options.Path`, `c.Send(x)` | `TestA` |\n" +
		"| bad | `Options.Paths`, `srv.Send`, `c.Gone`, `*Gone` | `TestB` |\n" +
		"| helped | nothing | `helper` |\n" +
		"| bare | nothing | |\n"
	complaints, _ := checkComparison(found, text)
	mustComplain(t, append(complaints, unmentioned(text, "`ws`", []string{"good", "isAlive"})...),
		"the row of bad names Options.Paths, which engine has not",
		"the row of bad names srv.Send, which engine has not",
		"the row of bad names c.Gone, which no test of engine uses",
		"the row of bad names Gone, which engine has not",
		"the row of bad is shown by TestB, which does not exist",
		"the row of helped is shown by helper, which is neither a test nor an example",
		"the row of bare is shown by nothing",
		"the table of | `ws` | Weir | shown by | has no example",
		"no row speaks of isAlive",
	)
}
