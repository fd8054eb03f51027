// Checks files of Prometheus rules as `promtool check rules` does, which itself takes many minutes to build.
package main

import (
	"fmt"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

func main() {
	faults := 0
	for _, path := range os.Args[1:] {
		_, errs := rulefmt.ParseFile(path, false, model.UTF8Validation)
		for _, err := range errs {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
		}
		faults += len(errs)
	}
	if faults > 0 {
		os.Exit(1)
	}
}
