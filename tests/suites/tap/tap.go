// SPDX-License-Identifier: LGPL-2.1-or-later

// Package tap writes the Test Anything Protocol, with the interface that the validation programs
// of runtime-tools use. Debian does not package the one that they were written for.
package tap

import (
	"encoding/json"
	"fmt"
	"strings"
)

// T is one plan of tests.
type T struct {
	plan *plan
	// What follows the description of a test.
	directive string
}

type plan struct {
	// The tests so far.
	count   int
	printed bool
}

// New returns a plan without tests.
func New() *T {
	return &T{plan: &plan{}}
}

// Header prints the version and, if it is known, the number of tests.
func (t *T) Header(count int) {
	fmt.Println("TAP version 13")
	if count > 0 {
		fmt.Printf("1..%d\n", count)
		t.plan.printed = true
	}
}

// AutoPlan prints the number of the tests that ran, unless Header did.
func (t *T) AutoPlan() {
	if !t.plan.printed {
		fmt.Printf("1..%d\n", t.plan.count)
		t.plan.printed = true
	}
}

// Ok prints the result of a test.
func (t *T) Ok(passed bool, description string) {
	word := "ok"
	if !passed {
		word = "not ok"
	}
	t.plan.count++
	fmt.Printf("%s %d - %s%s\n", word, t.plan.count, description, t.directive)
}

// Todo returns the same plan, for tests that are expected to fail.
func (t *T) Todo() *T {
	return &T{plan: t.plan, directive: " # TODO"}
}

// Pass prints a test that passed.
func (t *T) Pass(description string) {
	t.Ok(true, description)
}

// Fail prints a test that failed.
func (t *T) Fail(description string) {
	t.Ok(false, description)
}

// Skip prints that many tests that were skipped.
func (t *T) Skip(count int, reason string) {
	for ; count > 0; count-- {
		t.plan.count++
		fmt.Printf("ok %d # SKIP %s\n", t.plan.count, reason)
	}
}

// Diagnostic prints a comment, line by line.
func (t *T) Diagnostic(text string) {
	fmt.Println("# " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n# "))
}

// Diagnosticf prints a formatted comment.
func (t *T) Diagnosticf(format string, values ...interface{}) {
	t.Diagnostic(fmt.Sprintf(format, values...))
}

// YAML prints details of the last test; JSON is YAML too.
func (t *T) YAML(details interface{}) error {
	text, err := json.MarshalIndent(details, "  ", "  ")
	if err == nil {
		fmt.Printf("  ---\n  %s\n  ...\n", text)
	}
	return err
}
