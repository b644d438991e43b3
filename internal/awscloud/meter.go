package awscloud

import (
	"sync"
	"time"
)

// Rate is how fast one of AWS's quotas is being used, in the Region where that is fastest.
type Rate struct {
	Name      string  // as the key of the configuration: iam, sts, secret_writes, secret_tags, secret_reads
	PerSecond float64 // requests sent, over the last full seconds
	Pace      float64 // our own bound; 0: none
	Quota     float64 // AWS's, per account and Region; 0: none is published
}

// rated are the groups that Rates tells of. AWS's quotas are those of the Secrets Manager user guide ("Secrets Manager quotas"): reads
// have 10,000 a second for GetSecretValue, and more for DescribeSecret. For IAM and STS none is known to us.
var rated = []struct {
	name  string
	group group
	quota float64
}{
	{"iam", groupIAM, 0}, {"sts", groupSTS, 0}, {"secret_writes", groupWrites, 50}, {"secret_tags", groupTags, 50},
	{"secret_reads", groupReads, 10_000},
}

// Rates tells how fast each quota is being used, always all of them and in the same order.
func (a *Account) Rates() []Rate {
	a.pacers.mu.Lock()
	pace := a.pacers.pace
	a.pacers.mu.Unlock()
	out := make([]Rate, 0, len(rated))
	for _, r := range rated {
		out = append(out, Rate{r.name, a.pacers.sent.perSecond(r.group), pace.perSecond(r.group), r.quota})
	}
	return out
}

// meter counts requests by group and Region, second by second. The zero meter is ready.
type meter struct {
	mu    sync.Mutex
	began time.Time
	by    map[pacerKey]*window
}

// window is the last seconds of one count.
type window struct {
	counts [meterSeconds + 1]int // by second; the one under way included
	last   int                   // the second that was counted last
}

// meterSeconds is over how many full seconds a rate is taken.
const meterSeconds = 5

// add counts a request that is being sent.
func (m *meter) add(service, operation, region string) {
	key := pacerKey{groupOf(service, operation), region}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.by == nil {
		m.by, m.began = map[pacerKey]*window{}, time.Now()
	}
	w := m.by[key]
	if w == nil {
		w = &window{}
		m.by[key] = w
	}
	now := m.second()
	w.forget(now)
	w.counts[now%len(w.counts)]++
}

// second is the time since the first request, on the monotonic clock.
func (m *meter) second() int { return int(time.Since(m.began) / time.Second) }

// forget clears what is older than the window.
func (w *window) forget(now int) {
	for s := max(w.last+1, now-meterSeconds); s <= now; s++ {
		w.counts[s%len(w.counts)] = 0
	}
	w.last = max(w.last, now)
}

// perSecond is the rate of a group in its busiest Region.
func (m *meter) perSecond(g group) (most float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, w := range m.by {
		if key.group != g {
			continue
		}
		now, sum := m.second(), 0
		w.forget(now)
		for s, n := range w.counts {
			if s != now%len(w.counts) {
				sum += n
			}
		}
		most = max(most, float64(sum)/meterSeconds)
	}
	return most
}
