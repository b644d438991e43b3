package conformance

import (
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// stageCases are about moving labels, which is how a key is promoted.
var stageCases = []Case{
	{Name: "moving AWSCURRENT moves AWSPREVIOUS by itself", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.ok(t.move(current, 1, 2))
		t.labels("AWSCURRENT=2 AWSPENDING=2 AWSPREVIOUS=1")
		t.value(current, "two")
		t.value(previous, "one")
	}},
	{Name: "AWSPREVIOUS leaves the version before", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three", pending)
		t.ok(t.move(current, 2, 3))
		t.labels("AWSCURRENT=3 AWSPENDING=3 AWSPREVIOUS=2")
	}},
	{Name: "moving AWSCURRENT back swaps both labels", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.ok(t.move(current, 2, 1))
		t.labels("AWSCURRENT=1 AWSPREVIOUS=2")
	}},
	{Name: "without the version it is on, AWSCURRENT stays", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.refused(t.move(current, 0, 2), invalidParam)
		t.labels("AWSCURRENT=1 AWSPENDING=2")
	}},
	{Name: "with a version it is not on, AWSCURRENT stays", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three", pending)
		t.refused(t.move(current, 1, 3), invalidParam)
		t.labels("AWSCURRENT=2 AWSPENDING=3 AWSPREVIOUS=1")
	}},
	{Name: "with a version that is unknown, AWSCURRENT stays", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.refused(t.move(current, 9, 2), invalidParam, notFound)
		t.labels("AWSCURRENT=1 AWSPENDING=2")
	}},
	{Name: "to a version that is unknown, AWSCURRENT stays", Run: func(t *T) {
		t.create("one")
		err := t.move(current, 1, 9)
		t.refused(err, invalidParam, notFound)
		t.Differs("move-half-done", func() { t.labels("AWSCURRENT=1") }, func() { t.labels("") })
	}},
	{Name: "a second move from the same version loses", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", "A")
		t.put(3, "three", "B")
		t.ok(t.move(current, 1, 2))
		t.refused(t.move(current, 1, 3), invalidParam)
		t.labels("A=2 AWSCURRENT=2 AWSPREVIOUS=1 B=3")
	}},
	{Name: "of eight moves at once one wins", NotMoto: "moto takes no lock between its check and its change, so the outcome " +
		"there is a matter of luck", Run: func(t *T) {
		t.create("one")
		const racers = 8
		for n := range racers {
			t.put(n+2, "value", fmt.Sprintf("MINE%d", n))
		}
		var wg sync.WaitGroup
		won := make(chan int, racers)
		for n := range racers {
			wg.Go(func() {
				if t.move(current, 1, n+2) == nil {
					won <- n + 2
				}
			})
		}
		wg.Wait()
		equal(t, "winners", len(won), 1)
		out, err := t.get(current)
		t.ok(err)
		equal(t, "current", *out.VersionId, version(<-won))
	}},
	{Name: "AWSCURRENT cannot be taken off altogether", Run: func(t *T) {
		t.create("one")
		err := t.move(current, 1, 0)
		t.Differs("current-taken-off", func() {
			t.refused(err, invalidParam)
			t.labels("AWSCURRENT=1")
		}, func() {
			t.ok(err)
			t.labels("AWSPREVIOUS=1")
		})
	}},
	{Name: "AWSPENDING can be taken off", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.ok(t.move(pending, 2, 0))
		t.labels("AWSCURRENT=1")
	}},
	{Name: "taking off a label from a version without it is refused", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.refused(t.move(pending, 1, 0), invalidParam)
		t.labels("AWSCURRENT=1 AWSPENDING=2")
	}},
	{Name: "a label that is free needs no version to come from", Run: func(t *T) {
		t.create("one")
		t.ok(t.move("MINE", 0, 1))
		t.labels("AWSCURRENT=1 MINE=1")
	}},
	{Name: "any label that is taken needs the version it is on", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		err := t.move(pending, 0, 1)
		t.Differs("labels-on-two-versions", func() {
			t.refused(err, invalidParam)
			t.labels("AWSCURRENT=1 AWSPENDING=2")
		}, func() {
			t.ok(err)
			t.labels("AWSCURRENT=1 AWSPENDING=1 AWSPENDING=2")
		})
	}},
	{Name: "a label moves alone when it is not AWSCURRENT", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.ok(t.move(pending, 2, 1))
		t.labels("AWSCURRENT=1 AWSPENDING=1")
	}},
	{Name: "a version without labels can be made current", Run: func(t *T) {
		t.create("one")
		t.put(2, "two")
		t.put(3, "three")
		t.ok(t.move(current, 3, 1))
		t.labels("AWSCURRENT=1 AWSPREVIOUS=3")
		t.value(current, "one")
	}},
	{Name: "of two writers with one label of their own the first to move wins, though the other took its label", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", "NEXT")
		t.put(3, "three", "NEXT")
		t.ok(t.move(current, 1, 2))
		t.refused(t.move(current, 1, 3), invalidParam)
		t.labels("AWSCURRENT=2 AWSPREVIOUS=1 NEXT=3")
		t.value(current, "two")
	}},
	{Name: "moving makes no version", Run: func(t *T) {
		t.create("one")
		t.put(2, "two", pending)
		t.ok(t.move(current, 1, 2))
		equal(t, "versions", len(t.describe().VersionIdsToStages), 2)
	}},
	{Name: "answers ARN and name", Run: func(t *T) {
		made := t.create("one")
		out, err := t.SM.UpdateSecretVersionStage(t.ctx, &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &t.Name, VersionStage: aws.String("MINE"), MoveToVersionId: aws.String(version(1)),
		})
		t.ok(err)
		equal(t, "ARN", *out.ARN, *made.ARN)
		equal(t, "name", *out.Name, t.Name)
	}},
	{Name: "an unknown secret", Run: func(t *T) {
		t.absent(t.move(current, 1, 2))
	}},
}
