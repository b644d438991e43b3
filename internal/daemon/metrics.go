package daemon

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/keyturn/keyturn/internal/awscloud"
	"github.com/keyturn/keyturn/internal/fleet"
	"github.com/keyturn/keyturn/internal/kinds"
	"github.com/keyturn/keyturn/internal/reconcile"
	"github.com/keyturn/keyturn/internal/rotation"
)

// metrics are what /metrics serves. No label names a user or a key: their number would grow with the fleet, and who scrapes may be
// anybody on this machine.
type metrics struct {
	registry *prometheus.Registry

	rotations, deactivations, deletions prometheus.Counter
	failures                            *prometheus.CounterVec
	lateness                            prometheus.Histogram
	calls                               *prometheus.CounterVec
	throttles                           *prometheus.CounterVec
	sweeps                              *prometheus.CounterVec
	reloads                             *prometheus.CounterVec
}

// gauge is a number that is asked for when somebody looks.
type gauge struct {
	name, help string
	of         func(watched) float64
}

// watched is the daemon as monitoring sees it.
type watched struct {
	active  bool         // the seat is ours
	refused bool         // the settings file holds what was refused
	tally   fleet.Tally  // zero while standing by
	health  fleet.Health // likewise
}

var gauges = []gauge{
	{"keyturn_active", "1 while this daemon looks after the users, 0 while it stands by.",
		func(w watched) float64 { return truth(w.active) }},
	{"keyturn_users_overdue", "Users whose run should have been over: it has not begun, or it failed and is tried again.",
		func(w watched) float64 { return float64(w.tally.Overdue) }},
	{"keyturn_overdue_seconds", "For how long the user that is overdue the longest has been so; 0 when none is. Alarm on this one.",
		func(w watched) float64 { return w.tally.Longest.Seconds() }},
	{"keyturn_users_at_work", "Users whose run is under way.",
		func(w watched) float64 { return float64(w.tally.AtWork) }},
	{"keyturn_users_due", "Users whose time has come and whose run has not begun.",
		func(w watched) float64 { return float64(w.health.Due) }},
	{"keyturn_discovery_timestamp_seconds", "When AWS last told which users there are, as Unix time by AWS's clock; 0: never yet.",
		func(w watched) float64 {
			if w.health.Swept.IsZero() {
				return 0
			}
			return float64(w.health.Swept.Unix())
		}},
	{"keyturn_settings_refused", "1 while the configuration file holds settings that were refused, and those of before are in force.",
		func(w watched) float64 { return truth(w.refused) }},
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// lateBuckets are the upper bounds of lateness, in seconds. A start within one second is what is promised.
var lateBuckets = []float64{0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600}

// newMetrics makes a registry of its own. Look gives the daemon of the moment.
func newMetrics(version string, look func() watched) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	m.rotations = counter("keyturn_rotations_total", "Users that got a new key, promoted.")
	m.deactivations = counter("keyturn_deactivations_total", "Keys made Inactive.")
	m.deletions = counter("keyturn_deletions_total", "Keys deleted.")
	m.failures = vec("keyturn_failures_total", "Runs that failed, or that found their user blocked, by reason.", "reason")
	m.lateness = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "keyturn_lateness_seconds",
		Help: "By how much runs of known users began later than they were due.", Buckets: lateBuckets})
	m.calls = vec("keyturn_aws_calls_total", "Requests to AWS, retries included, by the quota that they count against and by what came of them.",
		"quota", "outcome")
	m.throttles = vec("keyturn_aws_throttles_total", "Requests that AWS throttled, by quota.", "quota")
	m.sweeps = vec("keyturn_discoveries_total", "Times at which AWS was asked which users there are, by outcome.", "outcome")
	m.reloads = vec("keyturn_reloads_total", "Times at which new settings were found, by outcome.", "outcome")
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "keyturn_build_info", Help: "Always 1; the labels tell what runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()}})
	build.Set(1)
	m.registry.MustRegister(m.rotations, m.deactivations, m.deletions, m.failures, m.lateness, m.calls, m.throttles, m.sweeps, m.reloads,
		build, &glance{look: look}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, q := range awscloud.QuotaNames() { // so that a rate can be taken from the first one on
		m.throttles.WithLabelValues(q)
		m.calls.WithLabelValues(q, string(awscloud.OutcomeOK))
	}
	for _, outcome := range []string{succeeded, failed} {
		m.sweeps.WithLabelValues(outcome)
		m.reloads.WithLabelValues(outcome)
	}
	return m
}

const (
	succeeded = "ok"
	failed    = "failed"
)

// glance collects all gauges in one look, so that they fit together.
type glance struct{ look func() watched }

var users = prometheus.NewDesc("keyturn_users", "Users under care, by how their last run left them.", []string{"standing"}, nil)

// Describe is part of prometheus.Collector.
func (g *glance) Describe(to chan<- *prometheus.Desc) {
	to <- users
	for _, v := range gauges {
		to <- prometheus.NewDesc(v.name, v.help, nil, nil)
	}
}

// Collect is part of prometheus.Collector.
func (g *glance) Collect(to chan<- prometheus.Metric) {
	w := g.look()
	for _, v := range gauges {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(v.name, v.help, nil, nil), prometheus.GaugeValue, v.of(w))
	}
	for standing, n := range w.tally.By {
		to <- prometheus.MustNewConstMetric(users, prometheus.GaugeValue, float64(n), string(standing))
	}
}

// looked counts a run.
func (m *metrics) looked(l fleet.Looked) {
	if fleet.Rotated(l.Result) {
		m.rotations.Inc()
	}
	for _, a := range l.Result.Actions {
		switch a.Kind {
		case rotation.DeactivateKey:
			m.deactivations.Inc()
		case rotation.DeleteKey:
			m.deletions.Inc()
		}
	}
	if reason := reasonOf(l.Result); reason != "" {
		m.failures.WithLabelValues(reason).Inc()
	}
	if l.Member.Known && !l.Due.IsZero() {
		m.lateness.Observe(max(0, l.Late.Seconds()))
	}
}

// reasonOf is why a run failed or its user is blocked; "" for all others. It is one of a bounded number of words.
func reasonOf(res reconcile.Result) string {
	switch {
	case fleet.Failure(res) != nil:
		return kinds.Of(fleet.Failure(res)).Code
	case res.Reason.Blocked():
		return string(res.Reason)
	}
	return ""
}

// attempt counts a request to AWS.
func (m *metrics) attempt(a awscloud.Attempt) {
	m.calls.WithLabelValues(a.Quota, string(a.Outcome)).Inc()
	if a.Outcome == awscloud.OutcomeThrottled {
		m.throttles.WithLabelValues(a.Quota).Inc()
	}
}

func (m *metrics) outcome(of *prometheus.CounterVec, err error) {
	word := succeeded
	if err != nil {
		word = failed
	}
	of.WithLabelValues(word).Inc()
}

// MetricsTable is the documentation's table of keyturn's own metrics, in Markdown.
func MetricsTable() (string, error) {
	m := newMetrics("", func() watched { return watched{tally: fleet.Tally{By: map[fleet.Standing]int{fleet.Fine: 1}}} })
	m.failures.WithLabelValues("denied")
	all, err := m.registry.Gather()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| metric | labels | what it is |\n|---|---|---|\n")
	for _, f := range all {
		if !strings.HasPrefix(f.GetName(), "keyturn_") {
			continue // the Go runtime's and the process's
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.GetName(), strings.Join(labels, ", "), strings.TrimSuffix(f.GetHelp(), "."))
	}
	return b.String(), nil
}
