package rotation

import "time"

// planner is one call of Plan: the observation, and what has been found out on the way.
type planner struct {
	s  Schedule
	l  Limits
	o  *Observation
	st State

	classes []ClassifiedKey
	current string    // version that AWSCURRENT names, "" for an empty secret
	wake    time.Time // the earliest moment at which a check can turn out otherwise
	wants   Wants
	waiting Reason // what a wait is for, when nothing is to be done
	about   string // the key that waiting is about
	detail  string
	freeze  Freeze // what the last change that was frozen waits for
}

// classify finds which key is which; the first match counts (the table in ARCHITECTURE.md, "Which key is which").
func (p *planner) classify() {
	p.current = p.o.Secret.Stage(StageCurrent)
	named := p.namedByHand()
	p.wantVersions()
	if p.wants.Any() {
		return
	}
	for _, k := range p.o.Keys {
		version := VersionID(k.ID)
		labels := p.o.Secret.Versions[version]
		class := ClassForeign
		switch {
		case p.current == version, named != "" && named == k.ID:
			class = ClassCurrent
		case hasLabel(labels, StagePending) && p.st.Intent.Open && !p.st.had(k.ID) && !p.o.mayHaveServed(&p.st, version):
			class = ClassPending
		case p.st.IsAdopted(k.ID) && !p.stored(version):
			class = ClassLegacy
		case p.stored(version):
			class = ClassPrevious
		case p.st.legacy(k.ID):
			class = ClassLegacy
		case p.couldBeOrphan(k):
			class = ClassUndecided // or orphan, decided below
		}
		p.classes = append(p.classes, ClassifiedKey{k, class})
	}
	p.decideOrphan()
}

// namedByHand is the key that AWSCURRENT's value names, when that version is not one that we wrote.
func (p *planner) namedByHand() string {
	if p.current == "" {
		return ""
	}
	for _, k := range p.o.Keys {
		if p.current == VersionID(k.ID) {
			return ""
		}
	}
	if !p.o.CurrentRead {
		p.wants.CurrentNames = true
	}
	return p.o.CurrentNames
}

// wantVersions asks for the deprecated versions when a key carries no label: it may be stored all the same.
func (p *planner) wantVersions() {
	if p.o.Stored != nil || len(p.o.Secret.Versions) == 0 {
		return
	}
	for _, k := range p.o.Keys {
		if len(p.o.Secret.Versions[VersionID(k.ID)]) == 0 {
			p.wants.Versions = true
		}
	}
}

func (p *planner) stored(version string) bool {
	return len(p.o.Secret.Versions[version]) > 0 || p.o.Stored[version]
}

// couldBeOrphan: the open intent may have made this key.
func (p *planner) couldBeOrphan(k Key) bool {
	i, w := p.st.Intent, p.o.Witness
	if !i.Open || p.st.had(k.ID) || k.Created.Before(i.At) || k.Created.After(i.At.Add(p.l.Window())) {
		return false
	}
	if w.Intent == i.ID && (w.NotMade || w.CreatedID != "" && w.CreatedID != k.ID) {
		return false // the journal objects
	}
	return true
}

// decideOrphan settles the undecided key, when there is one: two of them cannot be told apart, and are foreign.
func (p *planner) decideOrphan() {
	var at []int
	for i, c := range p.classes {
		if c.Class == ClassUndecided {
			at = append(at, i)
		}
	}
	if len(at) > 1 {
		for _, i := range at {
			p.classes[i].Class = ClassForeign
		}
	}
	if len(at) != 1 {
		return
	}
	c := &p.classes[at[0]]
	if p.o.Now.Before(p.intentOver()) {
		return // a stale read could have hidden that it is stored by now
	}
	use, known := p.lastUse(c.ID)
	switch {
	case !known:
	case use.At.IsZero(), use.Service == "sts": // our own probe of a key that died before it was stored counts as a use
		c.Class = ClassOrphan
	default:
		c.Class = ClassForeign
	}
}

// intentOver is when nothing of the open intent can be under way or hidden by a stale read any more.
func (p *planner) intentOver() time.Time { return p.st.Intent.At.Add(p.l.Window() + p.l.Settle) }

// lastUse asks for the last-used record when it was not read. Unknown is unknown.
func (p *planner) lastUse(keyID string) (LastUse, bool) {
	use, ok := p.o.LastUse[keyID]
	if !ok {
		p.wants.LastUse = append(p.wants.LastUse, keyID)
	}
	return use, ok
}

// find gives the first key of a class.
func (p *planner) find(class Class) (ClassifiedKey, bool) {
	for _, c := range p.classes {
		if c.Class == class {
			return c, true
		}
	}
	return ClassifiedKey{}, false
}

func (p *planner) count(class Class) (n int) {
	for _, c := range p.classes {
		if c.Class == class {
			n++
		}
	}
	return n
}

// activeCurrent gives the current key when it is Active.
func (p *planner) activeCurrent() (ClassifiedKey, bool) {
	c, ok := p.find(ClassCurrent)
	return c, ok && c.Status == Active
}
