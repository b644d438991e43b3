package main

import (
	"bufio"
	"context"
	"os"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
)

// yesFlag gives a command the flag --yes.
func yesFlag(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "do not ask; for scripts")
}

// errNo: the person at the terminal said no.
var errNo = &errUsers{"nothing was changed"}

// confirm asks a person, once it has been said what will happen. Whoever cannot be asked has to say --yes.
func confirm(ctx context.Context, cmd *cobra.Command, o *options, yes bool, question string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(os.Stdin.Fd()) {
		return usagef("`%s` asks before it does this, and this is no terminal: say --yes if it is to be done; nothing was changed",
			cmd.CommandPath())
	}
	o.out.ask(question + " [y/N] ")
	answer := make(chan string, 1)
	go func() { // ends with the process: a read from a terminal cannot be stopped
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		o.out.note("")
		return errNo
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
		return errNo
	}
}
