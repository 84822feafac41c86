"""Each bad state a person can see: its name, when it is, the sentence of `creneau status`, what to do.

Rule: a test shows each one, in both languages; the table of docs/operate.md is made of these.
"""

STATES = {
    "stopped": ("the agent is not running", "Créneau is stopped.", "Start the agent: creneau run, or its service"),
    "hub-away": (
        "the hub is down or cannot be reached",
        "{host} refuses the connection",
        "check the port under [hub] url, and [hub] proxy if one is needed",
    ),
    "hub-silent": (
        "the hub is a black hole: it takes the call and never answers",
        "{host} did not answer in time",
        "let the firewall pass outbound TCP to this host and port",
    ),
    "proxy-page": (
        "a proxy, a firewall or a portal page answers in the hub's place",
        "{host} answered HTTP {status}, not signed by the hub",
        "a proxy, a portal page or a firewall may be answering instead of the hub",
    ),
    "paced": (
        "the hub asks agents to wait",
        "the hub asks us to wait",
        "nothing to do: it starts again by itself",
    ),
    "too-large": (
        "the view is larger than the hub takes",
        "the hub answered {problem}",
        "Find out what is wrong: creneau check",
    ),
    "not-enrolled": (
        "nobody enrolled the agent yet",
        "this clinic is not enrolled with a hub",
        "Join the hub: creneau enrol CODE",
    ),
    "unknown": (
        "the hub was brought back from before the clinic joined",
        "the hub does not know this agent",
        "ask the hub operator for a new code: creneau enrol CODE",
    ),
    "hub-made-anew": (
        "the hub lost its database and keys, or a stranger or an old answer stands in for it",
        "what came back is not this hub's answer",
        "a proxy or firewall may be answering instead of the hub: creneau check hub",
    ),
    "shut-out": (
        "the hub's operator revoked the clinic",
        "the hub has shut this agent out",
        "call the hub operator; to come back: creneau enrol CODE",
    ),
    "copy": (
        "two agents run on copies of one folder, or another machine took over",
        "another agent, or a copy of this one, speaks for this clinic",
        "stop the other one, then ask the hub operator for a takeover code: creneau enrol CODE",
    ),
    "keys-forged": (
        "a key set came that the hub's present keys did not sign",
        "a key set is not signed by the keys we hold",
        "call the hub's operator and compare fingerprints",
    ),
    "clock": ("the clock is wrong", "this machine's clock is {seconds} s off", "turn on time synchronisation"),
    "clock-set": (
        "the clock was set while the hub is away",
        "this machine's clock was set: no booking is touched until the hub has told the time again",
        "turn on time synchronisation",
    ),
    "disk-full": (
        "the data disk is full, or nearly",
        "the disk is nearly full: no order is taken",
        "free some space on the data disk",
    ),
    "rules-lost": (
        "the journal was damaged and begun anew",
        "no rules are in force: nothing leaves",
        "Put the rules into force: creneau sharing apply",
    ),
    "emr-missing": (
        "the EMR's database is away",
        "there is no database file where the connection points",
        "mend connection under [[emr]], or bring the disk or share back",
    ),
    "emr-changed": (
        "the EMR's schema changed, or a share mounted empty",
        "the database is not as expected ({code})",
        "creneau check emr",
    ),
    "emr-locked": (
        "the EMR hangs on a lock",
        "somebody else holds the lock ({code})",
        "Find out what is wrong: creneau check",
    ),
    "rows-vanished": (
        "more than three appointments of ours vanished at once",
        "frozen: nothing is written into the EMR",
        "End the pause or the freeze: creneau sharing resume",
    ),
}
