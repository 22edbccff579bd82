package docs

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

// A doc comment is a contract: it says who may call, what blocks and who owns the bytes. That it is true no test can
// say; that it speaks of these things a test can.
var (
	saysWho    = regexp.MustCompile(`(?i)goroutine|concurren|on (the|its) loop|callback|\bonce\b`)
	saysBlocks = regexp.MustCompile(`(?i)\bblock|\bwait|return(s|ed)? (at once|immediately|when|as soon)|until|bounded|deadline|ctx|context`)
	saysBytes  = regexp.MustCompile(`(?i)\bcop(y|ies|ied)|\bown|\bvalid|\bview|\bappend|\bke(ep|pt)|\bretain|\balias|\bborrow|\blen(t|ds)\b|` +
		`\brelease|gives? it back|caller's|in place|writ(es|ten) (in)?to|until|read only|\breads?\b|\bfills?\b|not changed|unchanged|memory|reuse`)
)

// actors are the types of engine whose methods act: on sockets, queues and other goroutines.
var actors = []string{"Conn", "Server", "Client", "Topic"}

// public says whether a package's exported names are for others to use.
func public(s *source) bool {
	return s.name != "main" && len(s.files) > 0 && !strings.Contains("/"+s.dir+"/", "/internal/")
}

// checkDocs complains of exported names without a doc comment.
func checkDocs(tree fs.FS) []string {
	return eachPublic(tree, func(s *source, file *ast.File) (complaints []string) {
		missing := func(at token.Pos, what string) {
			complaints = append(complaints, fmt.Sprintf("%s: %s has no doc comment", s.at(at), what))
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if exported(d) && !speaks(d.Doc) {
					missing(d.Pos(), title(d))
				}
			case *ast.GenDecl:
				undocumented(s, d, missing)
			}
		}
		return complaints
	})
}

// eachPublic runs a check over the files of every public package, in order.
func eachPublic(tree fs.FS, check func(*source, *ast.File) []string) []string {
	found, err := sources(tree)
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	for _, dir := range sorted(found) {
		if s := found[dir]; public(s) {
			for _, name := range sorted(s.files) {
				complaints = append(complaints, check(s, s.files[name])...)
			}
		}
	}
	return complaints
}

// undocumented reports the exported names of a type, const or var declaration that nothing is said of.
func undocumented(s *source, d *ast.GenDecl, missing func(token.Pos, string)) {
	for _, spec := range d.Specs {
		switch sp := spec.(type) {
		case *ast.TypeSpec:
			if !sp.Name.IsExported() {
				continue
			}
			if !speaks(sp.Doc) && !speaks(d.Doc) {
				missing(sp.Pos(), "type "+sp.Name.Name)
			}
			silentMembers(s, sp, d.Doc.Text()+sp.Doc.Text(), missing)
		case *ast.ValueSpec:
			for _, name := range sp.Names {
				if name.IsExported() && !speaks(sp.Doc) && !speaks(sp.Comment) && !speaks(d.Doc) {
					missing(name.Pos(), d.Tok.String()+" "+name.Name)
				}
			}
		}
	}
}

// silentMembers reports the exported fields and methods that a type's declaration lists without a word. Fields that follow
// each other without a blank line are a group, and a comment in it, above a field or behind one, speaks for the group;
// without one, the type's own comment explains a pair, and the fields that it names.
func silentMembers(s *source, sp *ast.TypeSpec, doc string, missing func(token.Pos, string)) {
	_, isInterface := sp.Type.(*ast.InterfaceType)
	groups := memberGroups(s, sp)
	for _, group := range groups {
		explained := len(groups) == 1 && count(group) <= 2
		for _, f := range group {
			explained = explained || speaks(f.Doc) || speaks(f.Comment)
		}
		for _, f := range group {
			for _, name := range f.Names {
				said := explained || regexp.MustCompile(`(?i)\b`+name.Name+`\b`).MatchString(doc)
				if isInterface {
					said = speaks(f.Doc) || speaks(f.Comment)
				}
				if name.IsExported() && !said {
					missing(name.Pos(), sp.Name.Name+"."+name.Name)
				}
			}
		}
	}
}

// count is how many names a group of fields has.
func count(group []*ast.Field) (n int) {
	for _, f := range group {
		n += len(f.Names)
	}
	return n
}

// memberGroups splits the fields of a struct, or the methods of an interface, where a blank line stands between them.
func memberGroups(s *source, sp *ast.TypeSpec) [][]*ast.Field {
	var members *ast.FieldList
	switch typ := sp.Type.(type) {
	case *ast.StructType:
		members = typ.Fields
	case *ast.InterfaceType:
		members = typ.Methods
	default:
		return nil
	}
	var groups [][]*ast.Field
	last := -1 // the line on which the field before ends
	for _, f := range members.List {
		first := f.Pos()
		if f.Doc != nil {
			first = f.Doc.Pos()
		}
		if s.fset.Position(first).Line != last+1 {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], f)
		last = s.fset.Position(f.End()).Line
	}
	return groups
}

var word = regexp.MustCompile(`\pL{2,}`)

// speaks says whether a comment says more than a name.
func speaks(c *ast.CommentGroup) bool {
	return c != nil && len(word.FindAllString(c.Text(), 2)) == 2
}

// exported says whether others can call a function: its name and its receiver's are exported.
func exported(d *ast.FuncDecl) bool {
	return d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d)))
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// title is a function's name as a reader says it.
func title(d *ast.FuncDecl) string {
	if r := receiver(d); r != "" {
		return r + "." + d.Name.Name
	}
	return d.Name.Name
}

func TestDocs(t *testing.T) { report(t, checkDocs(repository(t))) }

func TestDocsCanFail(t *testing.T) {
	mustComplain(t, checkDocs(tree("pool/p.go", `package pool

// Buffer is documented.
type Buffer struct {
	// B holds the bytes.
	// Owned by the caller:
	B []byte
	C []byte

	D int
	E int // bytes of E

	F int
	g int
}

// Pair is one of something.
type Pair struct {
	Key, Value int
}

// Triple is a Key and the rest.
type Triple struct {
	Key   int
	Value int
	Extra int
}

type Bare int

// Lender is documented.
type Lender interface {
	// Get lends memory.
	Get()

	Put()
}

const Loose = 1

// Both are explained here.
const (
	One = 1
	Two = 2
)

var A, b = 1, 2 // first letters

func Get() {}

func (b *Buffer) Release() {}

func (s *strand[T]) Push() {}

func hidden() {}

// Retain .
func Retain() {}
`, "pool/internal/x/x.go", `package x; func Free() {}`, "cmd/weir/main.go", `package main; func Run() {}`,
		"pool/p_test.go", `package pool; func Exported() {}`)),
		"pool/p.go:13: Buffer.F has no doc comment",
		"pool/p.go:25: Triple.Value",
		"pool/p.go:26: Triple.Extra",
		"pool/p.go:29: type Bare",
		"pool/p.go:36: Lender.Put",
		"pool/p.go:39: const Loose",
		"pool/p.go:49: Get",
		"pool/p.go:51: Buffer.Release",
		"pool/p.go:58: Retain",
	)
}

// checkContracts complains of doc comments that leave out what a caller has to know.
//
// Bytes: whoever takes or returns a []byte in a public package says whose it is. Calls and blocking: in engine, the
// type's comment of each of the actors says both for its methods; a method that can fail or that takes a function or a
// context does more than look something up, and says itself who may call it or whether it waits. "SendWith is Send with
// options" leaves that to Send.
func checkContracts(tree fs.FS) []string {
	found, err := sources(tree)
	if err != nil {
		return []string{err.Error()}
	}
	complaints := eachPublic(tree, func(s *source, file *ast.File) (complaints []string) {
		for _, decl := range file.Decls {
			d, isFunc := decl.(*ast.FuncDecl)
			if !isFunc || !exported(d) || d.Doc == nil {
				continue
			}
			text := d.Doc.Text()
			if leans(d, s) {
				continue
			}
			if has(d.Type, bytesType) && !predicate(d.Type) && !saysBytes.MatchString(text) {
				complaints = append(complaints, fmt.Sprintf("%s: %s does not say who owns the bytes", s.at(d.Pos()), title(d)))
			}
			acts := s.dir == "engine" && (d.Recv == nil || member(receiver(d))) && has(d.Type, effectType)
			if acts && !saysWho.MatchString(text) && !saysBlocks.MatchString(text) {
				complaints = append(complaints, fmt.Sprintf("%s: %s does not say who may call it or whether it blocks", s.at(d.Pos()), title(d)))
			}
		}
		return complaints
	})
	if s := found["engine"]; s != nil {
		complaints = append(complaints, silentActors(s)...)
	}
	return complaints
}

// silentActors complains of the engine's types with methods whose comment does not rule how they are called.
func silentActors(s *source) (complaints []string) {
	for _, name := range sorted(s.files) {
		for _, decl := range s.files[name].Decls {
			d, isGen := decl.(*ast.GenDecl)
			if !isGen || d.Tok != token.TYPE {
				continue
			}
			for _, spec := range d.Specs {
				sp := spec.(*ast.TypeSpec)
				text := d.Doc.Text() + sp.Doc.Text()
				if member(sp.Name.Name) && !(saysWho.MatchString(text) && saysBlocks.MatchString(text)) {
					complaints = append(complaints, fmt.Sprintf("%s: type %s does not say who may call its methods and which of them block", s.at(sp.Pos()), sp.Name.Name))
				}
			}
		}
	}
	return complaints
}

// leans says whether a method's comment begins by saying that it is another of the same type.
func leans(d *ast.FuncDecl, s *source) bool {
	m := regexp.MustCompile(`^\w+ is (like )?\[?(\w+\.)?([A-Z]\w*)`).FindStringSubmatch(d.Doc.Text())
	if m == nil || d.Recv == nil {
		return false
	}
	for _, file := range s.files {
		for _, decl := range file.Decls {
			if other, isFunc := decl.(*ast.FuncDecl); isFunc && other.Name.Name == m[3] && receiver(other) == receiver(d) {
				return true
			}
		}
	}
	return false
}

// predicate says whether a function answers yes or no and nothing else.
func predicate(f *ast.FuncType) bool {
	if f.Results == nil || len(f.Results.List) != 1 {
		return false
	}
	id, isIdent := f.Results.List[0].Type.(*ast.Ident)
	return isIdent && id.Name == "bool"
}

// member says whether a type is one of the actors.
func member(name string) bool {
	for _, a := range actors {
		if a == name {
			return true
		}
	}
	return false
}

// has says whether a parameter or a result is of a type that match knows.
func has(f *ast.FuncType, match func(ast.Expr) bool) bool {
	for _, list := range []*ast.FieldList{f.Params, f.Results} {
		if list == nil {
			continue
		}
		for _, field := range list.List {
			if match(field.Type) {
				return true
			}
		}
	}
	return false
}

// bytesType knows []byte.
func bytesType(e ast.Expr) bool {
	a, isArray := e.(*ast.ArrayType)
	if !isArray || a.Len != nil {
		return false
	}
	id, isIdent := a.Elt.(*ast.Ident)
	return isIdent && id.Name == "byte"
}

// effectType knows the types that tell a function which acts: error, func, context.Context.
func effectType(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name == "error"
	case *ast.FuncType:
		return true
	case *ast.SelectorExpr:
		return x.Sel.Name == "Context"
	}
	return false
}

func TestContracts(t *testing.T) { report(t, checkContracts(repository(t))) }

func TestContractsCanFail(t *testing.T) {
	mustComplain(t, checkContracts(tree("engine/conn.go", `package engine

// Conn is a connection.
type Conn struct{}

// Send copies data. It may be called from any goroutine and never blocks.
func (c *Conn) Send(data []byte) error { return nil }

// Ping sends a ping.
func (c *Conn) Ping(payload []byte) error { return nil }

// SendWith is Send with options.
func (c *Conn) SendWith(data []byte) error { return nil }

// SendAll is Gone with options.
func (c *Conn) SendAll(data []byte) error { return nil }

// Do runs f.
func (c *Conn) Do(f func()) {}

// State tells the state.
func (c *Conn) State() int { return 0 }

// Topic fans out. Its methods may be called from any goroutine and do not block.
type Topic struct{}

// Len counts the subscribers.
func (t *Topic) Len() int { return 0 }

// Options are looked at by New.
type Options struct{}

// Check finds faults.
func (o *Options) Check() error { return nil }

// New makes a server.
func New() error { return nil }
`, "codec/frame.go", `package codec

// Frame makes a frame of p.
func Frame(p []byte) {}

// AppendFrame appends to dst.
func AppendFrame(dst []byte) []byte { return dst }

// Key is a key.
func Key(k [4]byte) {}

// Good judges p.
func Good(p []byte) bool { return true }
`)),
		"codec/frame.go:4: Frame does not say who owns the bytes",
		"engine/conn.go:10: Conn.Ping does not say who owns the bytes",
		"engine/conn.go:10: Conn.Ping does not say who may call it or whether it blocks",
		"engine/conn.go:16: Conn.SendAll does not say who owns the bytes",
		"engine/conn.go:16: Conn.SendAll does not say who may call it",
		"engine/conn.go:19: Conn.Do does not say who may call it",
		"engine/conn.go:37: New does not say who may call it",
		"engine/conn.go:4: type Conn does not say who may call its methods and which of them block",
	)
}
