/// Kubernetes' feature gates, of which kube-proxy takes every one: the names in the documentation's
/// table for 1.37, which has those of 1.36 too unless they went with it.
enum FeatureGates {
    /// Why a gate does not count as it is set; nil if it does, or is none of a proxy's.
    static func reasonAgainst(_ name: String, _ isOn: Bool) -> String? {
        if let (value, reason) = proxy[name] { return value == isOn ? nil : reason }
        return others.contains(name)
            ? nil : "no feature gate that Kubernetes 1.37 documents"
    }

    /// Gates that change what a proxy does and are no choice here: as what they count, and why.
    private static let proxy: [String: (isOn: Bool, reason: String)] = [
        "KubeProxyIPVS": (true, "mode ipvs stays"),
        "NFTablesNetlink": (true, "the kernel is always spoken to over netlink"),
        "NFTablesProxyMode": (true, "mode nftables is always there"),
        "KubeProxyDrainingTerminatingNodes": (true, "a node about to go is always drained"),
        "LoadBalancerIPMode": (true, "ipMode always counts"),
        "MultiCIDRServiceAllocator": (true, "ServiceCIDRs always count where there are any"),
        "PreferSameTrafficDistribution": (true, "hints always count"),
        "ServiceTrafficDistribution": (true, "hints always count"),
        "TopologyAwareHints": (true, "hints always count"),
        "WatchListClient": (true, "lists are always streamed where the API server can"),
        "ClientsAllowCBOR": (false, "contentType is protobuf or JSON"),
        "ClientsPreferCBOR": (false, "contentType is protobuf or JSON"),
        "ComponentFlagz": (false, "there is no /flagz; /configz shows the configuration"),
        "NativeHistograms": (false, "histograms have fixed buckets"),
    ]

    /// Gates of other components, and those that change nothing to be seen from outside.
    private static let others = Set(
        """
        AllAlpha AllBeta
        APIResponseCompression APIServerIdentity APIServerTracing
        APIServerWebhookAuthenticationToken APIServingWithRoutine AllowDNSOnlyNodeCSR
        AllowInsecureKubeletCertificateSigningRequests AllowOverwriteTerminationGracePeriodSeconds
        AllowParsingUserUIDFromCertAuth AllowUnsafeMalformedObjectDeletion
        AnonymousAuthConfigurableEndpoints AnyVolumeDataSource AtomicFIFO
        AtomicWriteVolumeUserFields AuthorizeNodeWithSelectors
        AuthorizePodWebsocketUpgradeCreatePermission AuthorizeWithSelectors BtreeWatchCache
        CBORServingAndStorage CPUManagerPolicyAlphaOptions CPUManagerPolicyBetaOptions
        CPUManagerPolicyOptions CRDObservedGenerationTracking CRDValidationRatcheting
        CRIListStreaming CSIServiceAccountTokenSecrets CSIVolumeHealth
        ChangeContainerStatusOnKubeletRestart ClearingNominatedNodeNameAfterBinding
        CloudControllerManagerWatchBasedRoutesReconciliation CloudControllerManagerWebhook
        ClusterTrustBundle ClusterTrustBundleProjection ComponentStatusz CompositePodGroup
        ConcurrentWatchObjectDecode ConsistentListFromCache ConstrainedImpersonation
        ContainerCheckpoint ContainerRestartRules ContainerStopSignals ContextualLogging
        ControllerManagerReleaseLeaderElectionLockOnExit CoordinatedLeaderElection
        CronJobsScheduledAnnotation CrossNamespaceVolumeDataSource CustomCPUCFSQuotaPeriod
        CustomResourceFieldSelectors DRAAdminAccess DRAConsumableCapacity DRADerivedAttributes
        DRADeviceBindingConditions DRADeviceCompatibilityGroups DRADeviceTaintRules
        DRADeviceTaints DRAExtendedResource DRAListTypeAttributes DRANodeAllocatableResources
        DRAOptionalNodeOperations DRAPartitionableDevices DRAPartitionableDevicesType
        DRAPrioritizedList DRAResourceClaimDeviceStatus
        DRAResourceClaimGranularStatusAuthorization DRAResourcePoolStatus
        DRASchedulerFilterTimeout DRAWorkloadResourceClaims DeclarativeValidation
        DeclarativeValidationBeta DeclarativeValidationTakeover DefaultPodSysctls
        DeploymentReplicaSetTerminatingReplicas DetectCacheInconsistency
        DisableAllocatorDualWrite DisableCPUQuotaWithExclusiveCPUs DisableNodeKubeProxyVersion
        DynamicResourceAllocation ElasticIndexedJob EmptyDirVolumeMode EnvFiles EtcdRangeStream
        EventedPLEG ExcludeAdmissionWebhookVirtualResources ExecProbeTimeout
        ExtendWebSocketsToKubelet ExternalServiceAccountTokenSigner GRPCContainerProbeTLS
        GenericWorkload GitRepoVolumeDriver GracefulNodeShutdown
        GracefulNodeShutdownBasedOnPodPriority H2CContainerProbe HPAConfigurableTolerance
        HPAScaleToZero HostnameOverride HugepageAwareEviction ImageMaximumGCAge ImageVolume
        ImageVolumeWithDigest InOrderInformers InPlacePodLevelResourcesVerticalScaling
        InPlacePodVerticalScaling InPlacePodVerticalScalingAllocatedStatus
        InPlacePodVerticalScalingExclusiveCPUs InPlacePodVerticalScalingExclusiveMemory
        InPlacePodVerticalScalingMemoryBackedVolumes
        InPlacePodVerticalScalingSchedulerPreemption InformerResourceVersion
        JobBackoffLimitPerIndex JobManagedBy JobPodReplacementPolicy JobSuccessPolicy KMSv1
        KubeletCgroupDriverFromCRI KubeletCrashLoopBackOffMax KubeletEnsureSecretPulledImages
        KubeletFineGrainedAuthz KubeletInUserNamespace KubeletPSI
        KubeletPodResourcesDynamicResources KubeletPodResourcesGet KubeletSeparateDiskGC
        KubeletServiceAccountTokenForCredentialProviders KubeletTracing ListFromCacheSnapshot
        LocalStorageCapacityIsolationFSQuotaMonitoring LogarithmicScaleDown LoggingAlphaOptions
        LoggingBetaOptions ManifestBasedAdmissionControlConfig MatchLabelKeysInPodAffinity
        MatchLabelKeysInPodTopologySpread MatchLabelKeysInPodTopologySpreadSelectorMerge
        MaxUnavailableStatefulSet MemoryManager MemoryQoS MutableCSINodeAllocatableCount
        MutablePVNodeAffinity MutablePodResourcesForSuspendedJobs
        MutableSchedulingDirectivesForSuspendedJobs MutatingAdmissionPolicy NodeDeclaredFeatures
        NodeInclusionPolicyInPodTopologySpread NodeLifecycleConditions NodeLogQuery NodeSwap
        NominatedNodeNameForExpectation OpenAPIEnums OpportunisticBatching
        OrderedNamespaceDeletion PersistentVolumeClaimUnusedSinceTime PodAndContainerStatsFromCRI
        PodCertificateRequest PodDeletionCost PodGroupPreemptionPolicy PodIndexLabel
        PodLevelResourceManagers PodLevelResources PodLifecycleSleepAction
        PodLifecycleSleepActionAllowZero PodLogsQuerySplitStreams PodObservedGenerationTracking
        PodReadyToStartContainersCondition PodSchedulingReadiness PodTopologyLabelsAdmission
        PodsAPI PortForwardWebsockets PreventStaticPodAPIReferences ProcMountType QOSReserved
        RecoverVolumeExpansionFailure RecursiveReadOnlyMounts ReduceDefaultCrashLoopBackOffDecay
        RelaxedDNSSearchValidation RelaxedEnvironmentVariableValidation
        RelaxedServiceNameValidation ReloadKubeletServerCertificateFile RemoteRequestHeaderUID
        ResilientWatchCacheInitialization ResourceHealthStatus
        RestartAllContainersOnContainerExits RetryGenerateName RotateKubeletServerCertificate
        RuntimeClassInImageCriApi SELinuxChangePolicy SELinuxMount SELinuxMountReadWriteOncePod
        SchedulerAsyncAPICalls SchedulerAsyncPreemption SchedulerPopFromBackoffQ
        SchedulerQueueingHints SeparateCacheWatchRPC SeparateTaintEvictionController
        ServiceAccountNodeAudienceRestriction ServiceAccountTokenJTI
        ServiceAccountTokenNodeBinding ServiceAccountTokenNodeBindingValidation
        ServiceAccountTokenPodNodeInfo ShardedListAndWatch SidecarContainers
        SizeBasedListCostEstimate StaleControllerConsistencyDaemonSet
        StaleControllerConsistencyJob StaleControllerConsistencyReplicaSet
        StaleControllerConsistencyStatefulSet StatefulSetAutoDeletePVC
        StatefulSetRecreateStrategy StatefulSetStartOrdinal StorageCapacityScoring
        StorageNamespaceIndex StorageVersionAPI StorageVersionHash StorageVersionMigrator
        StreamingCollectionEncodingToJSON StreamingCollectionEncodingToProtobuf
        StrictCostEnforcementForVAP StrictCostEnforcementForWebhooks StrictIPCIDRValidation
        StructuredAuthenticationConfiguration StructuredAuthenticationConfigurationEgressSelector
        StructuredAuthenticationConfigurationJWKSMetrics StructuredAuthorizationConfiguration
        SupplementalGroupsPolicy SystemdWatchdog TaintTolerationComparisonOperators
        TokenRequestServiceAccountUIDValidation TopologyAwareWorkloadScheduling
        TopologyManagerPolicyAlphaOptions TopologyManagerPolicyBetaOptions
        TopologyManagerPolicyOptions TranslateStreamCloseWebsocketRequests
        UnauthenticatedHTTP2DOSMitigation UnknownVersionInteroperabilityProxy
        UnlockWhileProcessingFIFO UserNamespacesHostNetworkSupport UserNamespacesSupport
        VolumeAttributesClass VolumeBindMountOptions VolumeLimitScaling
        WatchCacheInitializationPostStartHook WatchFromStorageWithoutResourceVersion WatchList
        WinDSR WinOverlay WindowsCPUAndMemoryAffinity WindowsGracefulNodeShutdown
        WindowsHostNetwork WorkloadWithJob
        """.split { $0.isWhitespace }.map(String.init)
    )
}
