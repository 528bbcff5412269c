package scenario

// What a host shows elsewhere than in the answers that are watched all the time. Conditions of Expect, by value.

// Monitor holds while get_status of the host shows this result of a submonitor: `monitor host2 mgmt-bridge=True`.
type Monitor struct {
	Host string
	Type string
	// Part is true where the result need only contain the text (~ in place of =).
	Part bool
	Text string
}

// Metric holds while a sample of the host's /metrics is on that side of the bound: `metric host2 holdfast_lease_held >= 1`.
type Metric struct {
	Host string
	Name string
	// Labels select one sample; those that are left out may have any value. In the order in which they were written.
	Labels []Setting
	// Relation is one of "<", "<=", "=", ">=", ">".
	Relation string
	Bound    float64
}

// Mail holds once the mail server has a mail from this host with that text: `mail host2 subject~EngineUp`.
type Mail struct {
	Host string
	Part string // "subject" or "body"
	Text string
}

// File holds while a file in the host's run directory contains the text: `file host2 vm.conf contains=memSize=4096`.
type File struct {
	Host     string
	Name     string // without directories
	Contains string
}

// Mode holds while a file in the host's run directory has these permissions: `mode host2 broker.sock=0666`.
type Mode struct {
	Host string
	Name string // without directories
	Mode int    // 0 to 07777
}

func (Monitor) condition() {}
func (Metric) condition()  {}
func (Mail) condition()    {}
func (File) condition()    {}
func (Mode) condition()    {}
