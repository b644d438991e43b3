package main

import (
	"fmt"
	"testing"

	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/rotation"
)

// Every path is among those that are asked about, though its users come last by name.
func TestSampleHasEveryPath(t *testing.T) {
	var members []fleet.Member
	for i := range 50 {
		m := fleet.Member{User: rotation.User{Name: fmt.Sprintf("user-%02d", i)}, Path: "/service/"}
		if i == 30 || i == 49 {
			m.Path = fmt.Sprintf("/team-%d/", i)
		}
		members = append(members, m)
	}
	got := sample(members)
	paths := map[string]int{}
	for _, m := range got {
		paths[m.Path]++
	}
	if len(got) != mostChecked || paths["/team-30/"] != 1 || paths["/team-49/"] != 1 || paths["/service/"] != mostChecked-2 {
		t.Errorf("%d users, by path %v", len(got), paths)
	}
	if got := sample(members[:3]); len(got) != 3 {
		t.Errorf("%d of 3 users are asked about", len(got))
	}
}
