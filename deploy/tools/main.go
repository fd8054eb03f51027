// Command tools reads files as their own tools would, where those are slow to build or missing:
//
//	tools rules FILE...   checks files of Prometheus rules, as `promtool check rules` does
//	tools compose FILE    checks a compose file and prints what it comes to, as `docker compose config` does
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
)

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: tools rules FILE... | tools compose FILE"))
	}
	switch os.Args[1] {
	case "rules":
		for _, path := range os.Args[2:] {
			if _, errs := rulefmt.ParseFile(path, false, model.UTF8Validation); len(errs) > 0 {
				fail(errs...)
			}
		}
	case "compose":
		options, err := cli.NewProjectOptions(os.Args[2:], cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
		if err != nil {
			fail(err)
		}
		project, err := options.LoadProject(context.Background())
		if err != nil {
			fail(err)
		}
		if err := json.NewEncoder(os.Stdout).Encode(project); err != nil {
			fail(err)
		}
	}
}

func fail(errs ...error) {
	for _, err := range errs {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(1)
}
