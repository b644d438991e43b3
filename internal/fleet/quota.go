package fleet

import (
	"context"
	"time"

	"github.com/keyturn/keyturn/internal/rotation"
)

// RotationsADay is how many rotations of one user may be within a day before none is made for an operator any more. Secrets Manager keeps
// every version of a secret for a day at least, and refuses new ones beyond its quota: what is left belongs to the schedule.
const RotationsADay = 140

// Quota is how many rotations a user has left.
type Quota struct {
	Limit int
	Left  int       // zero or less: an operator has to wait
	Next  time.Time // when one is free again, at the earliest; zero: one is
	At    time.Time // AWS's time of the answer
}

// Quota counts the rotations of a user within a day, those of its schedule included, by the journal. A new database knows of none.
func (o *Office) Quota(ctx context.Context, u rotation.User) (Quota, error) {
	f, err := o.fleet()
	if err != nil {
		return Quota{}, err
	}
	day := o.cfg.Day
	if day == 0 {
		day = 24 * time.Hour
	}
	q := Quota{Limit: RotationsADay, At: f.cfg.Now()}
	if q.At.IsZero() { // AWS has not answered anything yet
		q.At = time.Now()
	}
	made, err := o.cfg.DB.Rotations(ctx, u, q.At.Add(-day))
	if q.Left = q.Limit - made.Made; q.Left <= 0 {
		q.Next = made.Oldest.Add(day)
	}
	return q, err
}
