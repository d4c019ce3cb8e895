// swift-tools-version: 6.2
import PackageDescription

#if canImport(Glibc)
    import Glibc
#endif

// Set by scripts/fuzz: rooms are instrumented, and there is a library that libFuzzer drives.
let isFuzzing = Context.environment["FAIRLEAD_FUZZING"] != nil

// The Swift 6 language mode comes with the tools version. CI sets FAIRLEAD_WARNINGS_AS_ERRORS; a
// user's build never breaks over a newer compiler's warning.
let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ]
    + (Context.environment["FAIRLEAD_WARNINGS_AS_ERRORS"] == nil
        ? [] : [.treatAllWarnings(as: .error)])
    + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address", "-O"])] : [])
    // The linker leaves out sections that nothing refers to. Without this a file's functions are one.
    + [
        .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release))
    ]

/// A floor is a folder of rooms. A room builds on those of its own floor and of lower ones alone;
/// `scripts/arrows` holds that, and what the folders inside a room may use of each other.
enum Floor: String {
    case c = "C"
    case model = "Model"
    case planning = "Planning"
    case kernel = "Kernel"
    case inputs = "Inputs"
    case daemon = "Daemon"
    case lab = "Lab"
}

/// In rooms that work with unsafe pointers.
let unsafe: [SwiftSetting] = [.strictMemorySafety()]

/// For rooms that a change of one Service or a first programming spends little time in: a quarter
/// less code.
let small: [SwiftSetting] = [.unsafeFlags(["-Osize"], .when(configuration: .release))]

func room(
    _ floor: Floor,
    _ name: String,
    _ dependencies: [Target.Dependency] = [],
    _ more: [SwiftSetting] = [],
    exclude: [String] = [],
    sources: [String]? = nil
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Sources/\(floor.rawValue)/\(name)",
        exclude: exclude,
        sources: sources,
        swiftSettings: settings + more
    )
}

/// Made for tests and benchmarks, and in no program that is installed.
func support(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: "Tests/Support/\(name)",
        swiftSettings: settings
    )
}

/// A C library before 2.36 does not know packed relative relocations; a program with them does not
/// start there. What is built needs this machine's C library or a newer one in any case.
var knowsPackedRelocations: Bool {
    #if canImport(Glibc)
        // Such as "glibc 2.36".
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let start = buffer.baseAddress,
                confstr(Int32(_CS_GNU_LIBC_VERSION), start, buffer.count) > 0
            else { return "" }
            return String(cString: start)
        }
        let version = text.split { !$0.isNumber }.compactMap { Int($0) }
        return !version.isEmpty && !version.lexicographicallyPrecedes([2, 36])
    #else
        return false
    #endif
}

/// A linked Swift runtime asks for every symbol to be exported, which is of use to plug-ins alone; without
/// that, the linker also leaves out what is never called. lld, which comes with Swift, can pack relative
/// relocations: 0.03 MB in place of 2.3. gold, the default, cannot.
let linking =
    ["-use-ld=lld", "-Xlinker", "--no-export-dynamic"]
    + (knowsPackedRelocations ? ["-Xlinker", "-z", "-Xlinker", "pack-relative-relocs"] : [])

func program(
    _ name: String,
    path: String? = nil,
    _ dependencies: [Target.Dependency],
    _ more: [SwiftSetting] = []
) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies,
        path: path,
        swiftSettings: settings + more,
        linkerSettings: [.unsafeFlags(linking, .when(configuration: .release))]
    )
}

func tests(
    _ name: String,
    _ dependencies: [Target.Dependency],
    exclude: [String] = []
) -> Target {
    .testTarget(
        name: name,
        dependencies: dependencies,
        exclude: exclude,
        swiftSettings: settings
    )
}

let argumentParser = Target.Dependency.product(
    name: "ArgumentParser",
    package: "swift-argument-parser"
)
let systemPackage = Target.Dependency.product(
    name: "SystemPackage",
    package: "swift-system"
)
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let treeCollections = Target.Dependency.product(
    name: "HashTreeCollections",
    package: "swift-collections"
)
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let httpClient = Target.Dependency.product(
    name: "AsyncHTTPClient",
    package: "async-http-client"
)
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTP2 = Target.Dependency.product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioTLS = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")

/// Fuzzed are its parts that read files, the output of plug-ins and what proxies send. They need no TLS, which
/// would take half of the build.
let clusterClient =
    isFuzzing
    ? room(
        .inputs,
        "KubernetesClient",
        [
            "Addressing", "PrintableText", "ServiceModel", "AnnotatedYAML", "KubernetesAPI",
            "SystemCalls", systemPackage,
        ],
        small,
        sources: [
            "Access", "Connection/TunnelNegotiation.swift", "Credentials/ExecCredential.swift",
            "Memory/ClusterFile.swift",
        ]
    )
    : room(
        .inputs,
        "KubernetesClient",
        [
            "Addressing", "PrintableText", "ServiceModel", "AnnotatedYAML",
            "KubernetesObjects", "KubernetesAPI", httpClient, nioCore, nioHTTP1,
            nioPosix, nioTLS, logging, "SystemCalls", systemPackage, subprocess,
        ],
        small
    )

let package = Package(
    name: "fairlead",
    products: [
        .executable(name: "fairlead", targets: ["fairlead"]),
        .executable(name: "fairlead-lab", targets: ["fairlead-lab"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        // Without the trait that adds Foundation.
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.40.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        // Without the trait that adds Foundation, and with it ICU.
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CIPTables",
            path: "Sources/C/CIPTables",
            pkgConfig: "libiptc",
            providers: [.apt(["libiptc-dev"])]
        ),
        .systemLibrary(
            name: "CYAML",
            path: "Sources/C/CYAML",
            pkgConfig: "yaml-0.1",
            providers: [.apt(["libyaml-dev"])]
        ),
        .systemLibrary(name: "CMalloc", path: "Sources/C/CMalloc"),
        .systemLibrary(name: "CStatFS", path: "Sources/C/CStatFS"),
        // Requires libnl-3.0, whose flags come with it.
        .systemLibrary(
            name: "CNetlink",
            path: "Sources/C/CNetlink",
            pkgConfig: "libnl-genl-3.0",
            providers: [.apt(["libnl-3-dev", "libnl-genl-3-dev"])]
        ),
        .systemLibrary(
            name: "CIPSet",
            path: "Sources/C/CIPSet",
            pkgConfig: "libipset",
            providers: [.apt(["libipset-dev"])]
        ),
        .systemLibrary(name: "CSpawn", path: "Sources/C/CSpawn"),
        .systemLibrary(
            name: "CBPF",
            path: "Sources/C/CBPF",
            pkgConfig: "libbpf",
            providers: [.apt(["libbpf-dev"])]
        ),
        .target(name: "CThreads", path: "Sources/C/CThreads"),
        // The folder has the sources of what programs.c holds.
        .target(name: "CSocketLB", path: "Sources/C/CSocketLB", exclude: ["programs"]),

        // The models: values, no I/O.
        room(.model, "Addressing", [], unsafe),
        room(.model, "ServiceModel", ["Addressing", "PrintableText", treeCollections]),
        room(.model, "DataplaneModel", ["Addressing"]),

        // Pure: from what is wanted to rules, and from rules to what becomes of a packet.
        room(.planning, "Planning", ["Addressing", "ServiceModel", "DataplaneModel"]),
        room(.planning, "PacketTracing", ["Addressing", "PrintableText", "DataplaneModel"], small),

        room(.planning, "Picturing", ["Addressing", "ServiceModel", "Planning"], small),

        room(
            .planning,
            "ProxyModes",
            [
                "Addressing", "DataplaneModel", "Planning", "PacketTracing", "PrintableText",
                "ServiceModel",
            ]
        ),

        // Effects, each at one edge.
        room(.kernel, "SystemCalls", ["Addressing", "CStatFS", systemPackage], unsafe),
        room(
            .kernel,
            "HostFacts",
            [
                "DataplaneModel", "CIPTables", "CThreads", "SystemCalls", systemPackage,
            ],
            unsafe + small
        ),
        room(
            .kernel,
            "Netlink",
            [
                "Addressing", "DataplaneModel", "HostFacts", "SystemCalls", "CNetlink",
            ],
            unsafe
        ),
        room(
            .kernel,
            "NodeAddresses",
            [
                "Addressing", "DataplaneModel", "HostFacts", "Netlink", "CIPTables", "CNetlink",
                "SystemCalls", systemPackage,
            ],
            unsafe + small
        ),
        room(
            .kernel,
            "Conntrack",
            ["Addressing", "DataplaneModel", "HostFacts", "Netlink", "CNetlink"],
            unsafe + small
        ),
        room(
            .kernel,
            "SocketDiag",
            ["Addressing", "DataplaneModel", "HostFacts", "Netlink", "CNetlink"],
            unsafe + small
        ),
        room(
            .kernel,
            "SocketLB",
            [
                "Addressing", "DataplaneModel", "HostFacts", "SocketDiag", "SystemCalls", "CBPF",
                "CSocketLB", systemPackage,
            ],
            unsafe + small
        ),
        room(
            .kernel,
            "XTables",
            [
                "Addressing", "DataplaneModel", "HostFacts", "CIPTables", "CIPSet",
                "SystemCalls", systemPackage,
            ],
            unsafe
        ),
        room(
            .kernel,
            "IPSets",
            [
                "Addressing", "DataplaneModel", "HostFacts", "Netlink", "XTables", "CIPSet",
                "CNetlink",
            ],
            unsafe + small
        ),
        room(
            .kernel,
            "NFTables",
            [
                "Addressing", "DataplaneModel", "HostFacts", "Netlink", "SystemCalls", "CIPTables",
                "CNetlink",
            ],
            unsafe
        ),
        room(
            .kernel,
            "IPVS",
            [
                "Addressing", "DataplaneModel", "HostFacts", "Netlink", "NodeAddresses", "XTables",
                "IPSets", "SocketDiag", "CNetlink",
            ],
            unsafe + small
        ),
        room(
            .kernel,
            "KubeProxyRemoval",
            [
                "Addressing", "DataplaneModel", "HostFacts", "Netlink", "NodeAddresses", "XTables",
                "IPSets", "NFTables", "IPVS", "CNetlink",
            ],
            unsafe + small
        ),
        room(
            .kernel,
            "HostChecks",
            [
                "Addressing", "DataplaneModel", "HostFacts", "Netlink", "NodeAddresses",
                "XTables", "IPSets", "NFTables", "IPVS", "SocketDiag", "CIPTables", "CNetlink",
                "SystemCalls", systemPackage,
            ],
            unsafe + small
        ),
        room(.model, "PrintableText", [], small),
        room(.inputs, "AnnotatedYAML", ["PrintableText", "CYAML"], unsafe + small),
        room(.inputs, "KubernetesObjects", ["Addressing", "PrintableText", "ServiceModel"]),
        room(
            .inputs,
            "ServiceSources",
            [
                "Addressing", "PrintableText", "ServiceModel", "AnnotatedYAML", "KubernetesObjects",
                "SystemCalls", systemPackage,
            ],
            unsafe + small
        ),
        room(
            .inputs,
            "Conversion",
            [
                "Addressing", "PrintableText", "ServiceModel", "AnnotatedYAML", "KubernetesObjects",
                "ServiceSources",
            ],
            small
        ),
        room(
            .inputs,
            "KubernetesAPI",
            ["Addressing", "PrintableText", "ServiceModel", "KubernetesObjects", protobuf],
            unsafe,
            exclude: ["Schema"]
        ),
        clusterClient,
        room(
            .inputs,
            "DaemonConfiguration",
            [
                "Addressing", "PrintableText", "ServiceModel", "DataplaneModel", "AnnotatedYAML",
                "SystemCalls", systemPackage,
            ],
            small
        ),
        room(
            .daemon,
            "HealthChecking",
            [
                "Addressing", "ServiceModel", heap, nioCore, nioHTTP1, nioPosix, nioTLS,
                "SystemCalls", systemPackage,
            ],
            small
        ),
        room(
            .daemon,
            "HTTPServing",
            ["Addressing", nioCore, nioHTTP1, nioPosix, "SystemCalls", systemPackage],
            small
        ),
        room(
            .daemon,
            "Telemetry",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "HTTPServing", "SystemCalls",
                logging,
            ],
            unsafe + small
        ),
        room(
            .daemon,
            "Dataplane",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "ProxyModes",
                "DaemonConfiguration", "SystemCalls", systemPackage,
            ],
            unsafe + small
        ),
        room(
            .daemon,
            "InstalledModes",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "ProxyModes",
                "HostFacts", "NodeAddresses", "Conntrack", "XTables", "NFTables", "IPVS",
                "SocketLB", "HostChecks", "DaemonConfiguration", "Dataplane", "SystemCalls",
                "PrintableText",
            ],
            unsafe + small
        ),
        room(
            .daemon,
            "Reconciling",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PrintableText",
                "DaemonConfiguration", "ServiceSources", "KubernetesAPI", "KubernetesClient",
                "HealthChecking", "Telemetry", "Dataplane", logging,
            ],
            small
        ),

        room(
            .daemon,
            "Observability",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PrintableText",
                "ProxyModes", "HostFacts", "DaemonConfiguration", "KubernetesAPI",
                "KubernetesClient", "HealthChecking", "HTTPServing", "Telemetry", "Dataplane",
                "InstalledModes", "Reconciling", "SystemCalls", logging,
            ],
            small
        ),
        room(
            .daemon,
            "Running",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "HostFacts",
                "SystemCalls", "CMalloc",
                "DaemonConfiguration", "ServiceSources", "KubernetesAPI", "KubernetesClient",
                "HealthChecking", "Telemetry", "Dataplane", "InstalledModes", "Reconciling",
                "Observability", logging, systemPackage,
            ],
            unsafe + small
        ),

        // The composition root.
        program(
            "fairlead",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "Picturing", "ProxyModes", "KubeProxyRemoval", "HostChecks", "ServiceSources",
                "Conversion", "DaemonConfiguration", "PrintableText", "Telemetry", "Dataplane",
                "InstalledModes", "Observability", "Running", "SystemCalls", "HostFacts", "IPVS",
                "SocketLB", argumentParser, httpClient, nioCore, nioHTTP1, systemPackage,
            ],
            small
        ),

        // A small network in namespaces, for the demo, the tests and the benchmarks.
        room(.lab, "NamespaceLab", ["Addressing", "CSpawn"], unsafe),
        room(
            .lab,
            "LabTraffic",
            ["Addressing", "SystemCalls", systemPackage, argumentParser],
            unsafe
        ),
        room(
            .lab,
            "LabCluster",
            ["Addressing", "PrintableText", "SystemCalls", "NamespaceLab"]
        ),
        program(
            "fairlead-lab",
            path: "Sources/Lab/fairlead-lab",
            [
                "Addressing", "DaemonConfiguration", "NamespaceLab", "LabTraffic", "LabCluster",
                "SystemCalls", argumentParser,
            ]
        ),

        // An API server for the tests and the benchmarks.
        support(
            "KubernetesTestServer",
            [
                "Addressing", "ServiceModel", nioCore, nioPosix, nioHTTP1, nioHTTP2, nioTLS,
            ]
        ),

        // Run by scripts/bench.
        program(
            "fairlead-bench",
            path: "Benchmarks/fairlead-bench",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "ProxyModes",
                "HostFacts", "Netlink", "NodeAddresses", "XTables", "IPSets", "NFTables", "IPVS",
                "SocketLB", "Dataplane", "PrintableText", "CIPTables", "KubernetesAPI",
                "KubernetesClient", "KubernetesTestServer", "SystemCalls", argumentParser, logging,
            ]
        ),

        // What scripts/soak runs.
        program(
            "fairlead-soak",
            path: "Benchmarks/fairlead-soak",
            [
                "Addressing", "ServiceModel", "KubernetesTestServer", "NamespaceLab",
                "SoakJudging", "TestSupport", argumentParser, nioTLS,
            ]
        ),

        // The acts of a soak, and the verdict on it.
        support("SoakJudging", ["PrintableText", "TestSupport"]),

        // What scripts/memcheck runs.
        support(
            "LibraryEdge",
            [
                "Addressing", "DataplaneModel", "HostFacts", "Netlink", "IPSets", "XTables",
                "CNetlink",
            ]
        ),
        program("fairlead-memcheck", path: "Benchmarks/fairlead-memcheck", ["LibraryEdge"]),

        support(
            "TestSupport",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "ProxyModes", "ServiceSources", "DaemonConfiguration", "Dataplane",
            ]
        ),
        tests("AddressingTests", ["Addressing"]),
        tests("PrintableTextTests", ["PrintableText"]),
        tests("SystemCallsTests", ["Addressing", "SystemCalls", "NamespaceLab", systemPackage]),
        tests("DataplaneModelTests", ["Addressing", "DataplaneModel", "TestSupport"]),
        tests(
            "PlanningTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "PacketTracing",
                "ProxyModes", "TestSupport",
            ],
            exclude: ["Goldens"]
        ),
        tests(
            "PacketTracingTests",
            ["Addressing", "DataplaneModel", "PacketTracing", "TestSupport"]
        ),
        tests(
            "PicturingTests",
            [
                "Addressing", "ServiceModel", "Planning", "Picturing", "ServiceSources",
                "TestSupport",
            ],
            exclude: ["Goldens"]
        ),
        tests(
            "LinuxKernelTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "ProxyModes",
                "HostFacts", "Netlink", "NodeAddresses", "Conntrack", "XTables", "IPSets",
                "NFTables", "IPVS", "SocketDiag", "SocketLB", "KubeProxyRemoval", "HostChecks",
                "Dataplane", "SystemCalls", "TestSupport", "LibraryEdge", "CBPF", "CIPSet",
                "CNetlink", "CSocketLB", "CSpawn",
            ]
        ),
        tests("SoakJudgingTests", ["SoakJudging", "TestSupport"]),
        tests("AnnotatedYAMLTests", ["AnnotatedYAML", "PrintableText"]),
        tests("ServiceSourcesTests", ["Addressing", "ServiceModel", "ServiceSources"]),
        tests(
            "ConversionTests",
            ["ServiceModel", "ServiceSources", "Conversion"],
            exclude: ["Goldens"]
        ),
        tests(
            "KubernetesAPITests",
            [
                "Addressing", "ServiceModel", "ServiceSources", "KubernetesAPI", "TestSupport",
            ],
            exclude: ["objects.py"]
        ),
        tests(
            "KubernetesClientTests",
            [
                "Addressing", "ServiceModel", "KubernetesAPI", "KubernetesClient",
                "KubernetesTestServer", "NamespaceLab", "TestSupport", nioCore, nioTLS, logging,
            ]
        ),
        tests(
            "DaemonConfigurationTests",
            ["Addressing", "ServiceModel", "DataplaneModel", "DaemonConfiguration"]
        ),
        tests(
            "DataplaneTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "ProxyModes",
                "DaemonConfiguration", "Dataplane", "SystemCalls", "TestSupport",
            ]
        ),
        tests(
            "ReconcilingTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "DaemonConfiguration",
                "KubernetesAPI", "KubernetesClient", "HealthChecking", "Telemetry", "Dataplane",
                "Reconciling", "TestSupport", logging,
            ]
        ),
        tests(
            "HealthCheckingTests",
            [
                "Addressing", "ServiceModel", "HealthChecking", "HostFacts", "TestSupport",
                nioCore, nioPosix, nioTLS,
            ]
        ),
        tests("HTTPServingTests", ["Addressing", "HTTPServing"]),
        tests(
            "TelemetryTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "HTTPServing", "Telemetry",
                "NamespaceLab", logging,
            ]
        ),
        tests(
            "ObservabilityTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "HTTPServing",
                "KubernetesAPI", "KubernetesClient", "DaemonConfiguration", "Telemetry",
                "Dataplane", "Reconciling", "Observability", logging,
            ]
        ),
        tests(
            "RunningTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "HTTPServing",
                "HealthChecking", "KubernetesAPI", "KubernetesClient", "DaemonConfiguration",
                "Telemetry", "Dataplane", "Reconciling", "Observability", "Running", "SystemCalls",
                logging, "CMalloc",
            ]
        ),
        tests("NamespaceLabTests", ["Addressing", "NamespaceLab", "LabCluster"]),
        tests(
            "IntegrationTests",
            [
                "Addressing", "ServiceModel", "DataplaneModel", "Planning", "HostFacts",
                "XTables", "NFTables", "IPVS", "AnnotatedYAML", "KubernetesTestServer",
                "NamespaceLab", "LabCluster", "fairlead", "fairlead-lab",
            ]
        ),
    ]
)

if isFuzzing {
    package.targets.append(
        .target(
            name: "fairlead-fuzz",
            dependencies: [
                "Addressing", "AnnotatedYAML", "Conntrack", "Conversion", "DaemonConfiguration",
                "DataplaneModel", "HTTPServing", "HostChecks", "IPSets", "IPVS", "KubernetesAPI",
                "KubernetesClient", "NFTables", "Netlink", "NodeAddresses", "PacketTracing",
                "ServiceModel", "ServiceSources", "SocketDiag", "XTables",
            ],
            path: "Fuzzing/fairlead-fuzz",
            swiftSettings: settings
        )
    )
    package.products.append(
        .library(name: "fairlead-fuzz", type: .static, targets: ["fairlead-fuzz"])
    )
}
