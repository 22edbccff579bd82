package docs

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	link = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// sections are those of a decision, in this order.
	sections = []string{"\n- Status: ", "\n- Date: ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n", "\n## Revisit when\n"}
)

// documents lists the Markdown files at the top and below docs.
func documents(tree fs.FS) ([]string, error) {
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		hits, err := fs.Glob(tree, pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, hits...)
	}
	return names, nil
}

// checkLinks complains of links to files that are not in the tree.
func checkLinks(tree fs.FS) []string {
	names, err := documents(tree)
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	for _, name := range names {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return []string{err.Error()}
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := fs.Stat(tree, path.Join(path.Dir(name), target)); err != nil {
				complaints = append(complaints, fmt.Sprintf("%s links to %s, which is not there", name, m[1]))
			}
		}
	}
	return complaints
}

// checkDecisions complains of decision records without their parts, or that architecture.md does not list.
func checkDecisions(tree fs.FS) []string {
	names, err := fs.Glob(tree, "docs/decisions/*.md")
	if err != nil {
		return []string{err.Error()}
	}
	index, err := fs.ReadFile(tree, "docs/architecture.md")
	if err != nil {
		return []string{err.Error()}
	}
	var complaints []string
	for _, name := range names {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return []string{err.Error()}
		}
		number, _, _ := strings.Cut(path.Base(name), "-")
		rest := string(text)
		if !strings.HasPrefix(rest, "# "+number+": ") {
			complaints = append(complaints, fmt.Sprintf("%s does not begin with its number", name))
		}
		for _, section := range sections {
			_, after, there := strings.Cut(rest, section)
			if !there {
				complaints = append(complaints, fmt.Sprintf("%s has no %q in its place", name, strings.TrimSpace(section)))
				continue
			}
			rest = after
		}
		if !strings.Contains(string(index), "](decisions/"+path.Base(name)+")") {
			complaints = append(complaints, fmt.Sprintf("architecture.md does not list %s", name))
		}
	}
	return complaints
}

func TestLinks(t *testing.T) { report(t, checkLinks(repository(t))) }

func TestLinksCanFail(t *testing.T) {
	mustComplain(t, checkLinks(tree(
		"README.md", "[a](docs/a.md) [gone](docs/gone.md) [web](https://example.org/x) [here](#part)",
		"docs/a.md", "[top](../README.md#x) [b](b.md)",
	)), "README.md links to docs/gone.md", "docs/a.md links to b.md")
}

func TestDecisions(t *testing.T) { report(t, checkDecisions(repository(t))) }

func TestDecisionsCanFail(t *testing.T) {
	const whole = "# 0001: A\n\n- Status: accepted\n- Date: 2026-11-23\n\n## Context\n\n## Decision\n\n## Consequences\n\n## Revisit when\n"
	mustComplain(t, checkDecisions(tree(
		"docs/architecture.md", "[0001](decisions/0001-a.md) [0003](decisions/0003-c.md)",
		"docs/decisions/0001-a.md", whole,
		"docs/decisions/0002-b.md", strings.Replace(whole, "0001", "0002", 1),
		"docs/decisions/0003-c.md", strings.Replace(whole, "\n## Decision\n", "", 1),
	)),
		"architecture.md does not list docs/decisions/0002-b.md",
		"0003-c.md does not begin with its number",
		`0003-c.md has no "## Decision" in its place`,
	)
}
