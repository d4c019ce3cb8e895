import Addressing
import DataplaneModel
import Glibc
import SystemCalls
import Testing
import XTables

@Suite("IPTablesStore failures")
@KernelThread
struct IPTablesFailureTests {
    @Test("A chain that a foreign rule leads to is emptied, left and reported; the rest is done")
    func referencedChain() throws {
        let fixture = try StoreFixture(.ipv4)
        try fixture.apply(RuleCatalogue(family: .ipv4).state)
        try fixture.iptables("-t", "nat", "-N", "OTHER")
        try fixture.iptables("-t", "nat", "-A", "OTHER", "-j", "TEST-POST")
        let report = try fixture.apply(IPTablesState())
        #expect(report.operations == 12)
        let failure = try #require(report.failures.first)
        #expect(report.failures.count == 1)
        #expect(failure.subject == "IPv4 nat/TEST-POST")
        #expect(failure.errno == EMLINK)
        let post = ChainName("TEST-POST")
        let left = OwnedTable(chains: [post: Chain(post, rules: [])])
        #expect(try fixture.store.observe().state == IPTablesState(nat: left))
    }

    @Test("A jump to nowhere is refused by name, and nothing is changed")
    func danglingJump() throws {
        let fixture = try StoreFixture(.ipv4)
        let chain = ChainName("TEST-A")
        let rule = Rule(transport: .tcp, target: .jump(ChainName("TEST-NOWHERE")))
        var wanted = IPTablesState()
        wanted.nat.chains[chain] = Chain(chain, rules: [rule])
        let error = #expect(throws: DataplaneError.self) { try fixture.apply(wanted) }
        #expect(error?.kind == .invalid)
        #expect(error?.subject == "IPv4 nat/TEST-A")
        #expect(error?.message?.contains("TEST-NOWHERE") == true)
        #expect(try fixture.store.observe().state == IPTablesState())
    }

    @Test("A target in the wrong table is refused with the names of the chains")
    func wrongTable() throws {
        let fixture = try StoreFixture(.ipv6)
        let chain = ChainName("TEST-A")
        var wanted = IPTablesState()
        wanted.nat.chains[chain] = Chain(chain, rules: [Rule(target: .reject)])
        let error = #expect(throws: DataplaneError.self) { try fixture.apply(wanted) }
        #expect(error?.kind == .invalid)
        #expect(error?.description.contains("IPv6 nat") == true)
        #expect(error?.description.contains("TEST-A") == true)
    }

    @Test("A rule that cannot be encoded is named")
    func unencodable() throws {
        let fixture = try StoreFixture(.ipv4)
        let chain = ChainName("TEST-A")
        let rules = [
            Rule(target: .accept),
            Rule(matches: [.destinationPort(.udp, 53...53)], target: .accept),
        ]
        var wanted = IPTablesState()
        wanted.filter.chains[chain] = Chain(chain, rules: rules)
        let error = #expect(throws: DataplaneError.self) { try fixture.apply(wanted) }
        #expect(error?.kind == .invalid)
        #expect(error?.operation == "encode rule 2")
        #expect(error?.subject == "IPv4 filter/TEST-A")
    }

    @Test("A set that is not there is named, with the rule that asks it")
    func missingSet() throws {
        let fixture = try StoreFixture(.ipv4)
        let chain = ChainName("TEST-A")
        let rule = Rule(matches: [.set(IPSetName("TEST-NONE"), [.source])], target: .accept)
        var wanted = IPTablesState()
        wanted.filter.chains[chain] = Chain(chain, rules: [rule])
        let error = #expect(throws: DataplaneError.self) { try fixture.apply(wanted) }
        #expect(error?.kind == .invalid)
        #expect(error?.subject == "IPv4 filter/TEST-A")
        #expect(
            error?.message
                == "there is no set TEST-NONE: -m set --match-set TEST-NONE src -j ACCEPT"
        )
    }

    @Test("A lock that stays taken is an error that names the file")
    func busyLock() throws {
        let fixture = try StoreFixture(.ipv4)
        let held = open(fixture.lock.path, O_RDONLY | O_CREAT, 0o600)
        defer { close(held) }
        #expect(flock(held, LOCK_EX) == 0)
        let wanted = RuleCatalogue(family: .ipv4).state
        let error = #expect(throws: DataplaneError.self) { try fixture.apply(wanted) }
        #expect(error?.kind == .locked)
        #expect(error?.subject == fixture.lock.path)
        // By name, as it is the first thing to know.
        let holder = try #require(LockHolder.find(fixture.lock.path))
        #expect(holder.pid == getpid())
        #expect(
            error?.message
                == "another program held the lock for longer than 0.3 seconds: \(holder)"
        )
        flock(held, LOCK_UN)
        try fixture.apply(wanted)
    }

    @Test("A lock file that was replaced is opened anew")
    func replacedLock() throws {
        let fixture = try StoreFixture(.ipv4)
        var lock = XTablesLock(fixture.lock)
        try lock.withLock {}
        unlink(fixture.lock.path)
        let other = open(fixture.lock.path, O_RDONLY | O_CREAT, 0o600)
        defer { close(other) }
        flock(other, LOCK_EX)
        #expect(throws: DataplaneError.self) { try lock.withLock {} }
        flock(other, LOCK_UN)
        try lock.withLock {}
    }

    @Test("A look at the lock says whether another program holds it, and keeps nobody from it")
    func lookedAtLock() throws {
        let fixture = try StoreFixture(.ipv4)
        let watch = XTablesLockWatch(fixture.lock)
        #expect(try watch.releases() == 0)
        var lock = XTablesLock(fixture.lock)
        let held = open(fixture.lock.path, O_RDONLY)
        var looks = [lock.isFree()]
        #expect(flock(held, LOCK_EX | LOCK_NB) == 0)
        looks.append(lock.isFree())
        flock(held, LOCK_UN)
        looks.append(lock.isFree())
        #expect(looks == [true, false, true])
        #expect(flock(held, LOCK_EX | LOCK_NB) == 0)
        // Looking is no change for the watch.
        #expect(try watch.releases() == 0)
        close(held)
        var impossible = XTablesLock(XTablesLock.Configuration(path: "/nowhere/lock"))
        let isFree = impossible.isFree()
        #expect(isFree)
    }

    @Test("A symbolic link is not accepted as the lock file")
    func linkedLock() throws {
        let path = "\(TestDirectory.path)/link"
        let nowhere = "\(TestDirectory.path)/nowhere"
        symlink(nowhere, path)
        defer { unlink(path) }
        var lock = XTablesLock(XTablesLock.Configuration(path: path))
        let error = #expect(throws: DataplaneError.self) { try lock.withLock {} }
        #expect(error?.errno == ELOOP)
        #expect(access(nowhere, F_OK) != 0)
    }

    @Test("The watch hears other programs, and not us")
    func lockWatch() throws {
        let fixture = try StoreFixture(.ipv4)
        try fixture.apply(RuleCatalogue(family: .ipv4).state)
        let watch = XTablesLockWatch(fixture.lock)
        #expect(try watch.releases() == 0)
        try fixture.apply(IPTablesState())
        #expect(try watch.releases() == 0)
        try fixture.iptables("-A", "INPUT", "-j", "ACCEPT")
        #expect(try watch.releases() == 1)
        #expect(try watch.releases() == 1)
        unlink(fixture.lock.path)
        #expect(try watch.releases() == 2)
        try fixture.iptables("-F", "INPUT")
        #expect(try watch.releases() == 3)
    }

    @Test("A watch that lost its file counts that, fails, and begins anew")
    func renewedWatch() throws {
        let directory = "\(TestDirectory.path)/watched"
        let path = directory + "/xtables.lock"
        mkdir(directory, 0o700)
        defer {
            unlink(path)
            rmdir(directory)
        }
        let watch = XTablesLockWatch(XTablesLock.Configuration(path: path))
        #expect(try watch.releases() == 0)
        unlink(path)
        rmdir(directory)
        #expect(throws: DataplaneError.self) { try watch.releases() }
        mkdir(directory, 0o700)
        // Once for the removal, once for what went unnoticed until now.
        #expect(try watch.releases() == 2)
        close(open(path, O_RDONLY))
        #expect(try watch.releases() == 3)
    }

    @Test("Waits for the lock of several tables share one deadline")
    func sharedDeadline() throws {
        let fixture = try StoreFixture(.ipv4)
        var lock = XTablesLock(fixture.lock)
        let deadline = lock.deadline
        let held = open(fixture.lock.path, O_RDONLY | O_CREAT, 0o600)
        defer { close(held) }
        #expect(flock(held, LOCK_EX) == 0)
        #expect(throws: DataplaneError.self) { try lock.withLock(until: deadline) {} }
        // The deadline is over: the second wait is none.
        let start = ContinuousClock.now
        #expect(throws: DataplaneError.self) { try lock.withLock(until: deadline) {} }
        #expect(ContinuousClock.now - start < fixture.lock.timeout / 2)
        // A free lock is taken all the same.
        flock(held, LOCK_UN)
        try lock.withLock(until: deadline) {}
    }

    @Test("Foreign changes count, whether they change the size or not, and own changes never do")
    func changes() throws {
        let fixture = try StoreFixture(.ipv4)
        let watch = XTablesLockWatch(fixture.lock)
        let store = IPTablesStore(
            family: .ipv4,
            lock: fixture.lock,
            lockWatch: watch,
            owns: RuleCatalogue.owns
        )
        func wanted(_ source: UInt32) -> IPTablesState {
            var state = IPTablesState()
            let name = ChainName("TEST-X")
            state.filter.chains[name] = Chain(
                name,
                rules: [Rule(source: PrefixMatch(IPAddress(ipv4: source)), target: .accept)]
            )
            return state
        }
        func apply(_ state: IPTablesState) throws {
            let diff = IPTablesDiff(from: try store.observe().state, to: state)
            _ = try store.apply(diff)
        }
        func isAnnounced() -> Bool {
            var files = store.announcements.map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            return !files.isEmpty && poll(&files, nfds_t(files.count), 0) > 0
        }
        try apply(wanted(1))
        var mark = try store.observe().mark
        #expect(try store.changes(since: mark) == .none)
        #expect(!isAnnounced())
        try fixture.iptables("-A", "INPUT", "-j", "ACCEPT")
        #expect(isAnnounced())
        try fixture.iptables("-D", "INPUT", "-j", "ACCEPT")
        // The table is as before.
        #expect(try store.changes(since: mark) == .possible)
        #expect(!isAnnounced())
        mark = try store.observe().mark
        // Own changes: a rule of the same size, then of another.
        _ = try store.apply(IPTablesDiff(from: wanted(1), to: wanted(2)))
        #expect(try store.changes(since: mark) == .none)
        _ = try store.apply(IPTablesDiff(from: wanted(2), to: IPTablesState()))
        #expect(try store.changes(since: mark) == .none)
        _ = try store.apply(IPTablesDiff(from: IPTablesState(), to: wanted(2)))
        // Theirs, of the same size: the lock alone tells.
        try fixture.iptables("-R", "TEST-X", "1", "-s", "0.0.0.3", "-j", "ACCEPT")
        #expect(try store.changes(since: mark) == .possible)
        // What they did before we write is not covered by our own change.
        try fixture.iptables("-I", "TEST-X", "-j", "DROP")
        _ = try store.apply(IPTablesDiff(from: IPTablesState(), to: wanted(4)))
        #expect(try store.changes(since: mark) == .certain)
        mark = try store.observe().mark
        #expect(try store.changes(since: mark) == .none)
    }

    @Test("The fingerprint shows what others add", arguments: IPFamily.allCases)
    func fingerprint(_ family: IPFamily) throws {
        let fixture = try StoreFixture(family)
        let empty = try TableFingerprint(of: .nat, family)
        #expect(empty.entries == 5)
        try fixture.iptables("-t", "nat", "-A", "OUTPUT", "-j", "ACCEPT")
        let changed = try TableFingerprint(of: .nat, family)
        #expect(changed.entries == 6)
        #expect(changed != empty)
        #expect(try TableFingerprint(of: .nat, family) == changed)
    }
}
