/**
 * The appliance catalogue of the simulated download server: names, versions, check sums as the public index lists them
 * (aplinfo.dat, 2026-11); sizes are rounded, the index has none. Data only.
 */

/** What an entry of the index states; the rest is derived. */
export interface CatalogueRow {
  readonly package: string;
  readonly version: string;
  readonly os: string;
  /** Path below the download server's `/images/`; its first part is the section. */
  readonly location: string;
  readonly headline: string;
  readonly infopage: string;
  readonly sizeBytes: number;
  readonly md5sum: string;
  readonly sha512sum: string;
}

/** The index, in its own order. */
export const catalogueRows: readonly CatalogueRow[] = [
  {
    package: 'almalinux-10-default',
    version: '20250930',
    os: 'almalinux',
    location: 'system/almalinux-10-default_20250930_amd64.tar.xz',
    headline: 'LXC default image for almalinux 10 (20250930)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 113_246_208,
    md5sum: '15112c6ccd019b93fb5ab9d91f3f92fc',
    sha512sum:
      'ba26baea9b73188f1ec308f27a3c3e4efcd7fc8bfca976dc2dfffc89c5681df4ac3a96e136f841d769a8b6a04c6cf0db97ffef70def853a0c3486c90a30e3418',
  },
  {
    package: 'almalinux-9-default',
    version: '20240911',
    os: 'almalinux',
    location: 'system/almalinux-9-default_20240911_amd64.tar.xz',
    headline: 'LXC default image for almalinux 9 (20240911)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 102_318_136,
    md5sum: 'aec3769056165ed72a2523e6a2e0b12f',
    sha512sum:
      '4c3c5c2616b46fbb0b831a87669e6f323167c2f67cca487723ff3b00284309c547fec03d5e87678c3c6d306a764d9875fbcd01c46e1caf8203784c4957a907f0',
  },
  {
    package: 'alpine-3.22-default',
    version: '20250617',
    os: 'alpine',
    location: 'system/alpine-3.22-default_20250617_amd64.tar.xz',
    headline: 'LXC default image for alpine 3.22 (20250617)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 3_358_720,
    md5sum: '7876712da358f2536dc0baa18169aed4',
    sha512sum:
      '1900ccb1b092b5563c0430ff9d9ede63c23bf2fa4a872b8816d2b03d711c76c1d2ea2241796ebaa58292caee75a01e325b7a9c86f63e36d9f9425b45e0115469',
  },
  {
    package: 'alpine-3.23-default',
    version: '20260116',
    os: 'alpine',
    location: 'system/alpine-3.23-default_20260116_amd64.tar.xz',
    headline: 'LXC default image for alpine 3.23 (20260116)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 3_407_872,
    md5sum: '2538c3bc2ca5215cc0392383f838d643',
    sha512sum:
      'd6835836b59888d8bb3971668820483a246cfa46e992f62209464b6faabd6a223f4132bc0aa86675603223b6646edf4fc33b8b6e80673e1b31183fac191baee4',
  },
  {
    package: 'alpine-3.24-default',
    version: '20260714',
    os: 'alpine',
    location: 'system/alpine-3.24-default_20260714_amd64.tar.xz',
    headline: 'LXC default image for alpine 3.24 (20260714)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 3_473_408,
    md5sum: '640e03c8343d505ac1e883d480521efb',
    sha512sum:
      '9877b74de4c4878b70450502618f7b02952e792afdbc91f146f6cba507432dae516674d0bb3a306484d58edc722ff63db1ed3c4e5b0954fb2a2773ec8d8f33bd',
  },
  {
    package: 'archlinux-base',
    version: '20260420-1',
    os: 'archlinux',
    location: 'system/archlinux-base_20260420-1_amd64.tar.zst',
    headline: 'ArchLinux base image.',
    infopage: 'https://www.archlinux.org',
    sizeBytes: 152_305_664,
    md5sum: '5f7cd1c61dd0a9a546f6c2d3e9ccdc78',
    sha512sum:
      'a6af26c3760f5683ea17140aae9398e3a793f17e3c1586edcec56fb0ed1ba780722ce4c20eafdb5843899fa229cfe859a381c36b6c754b7e381f8337f2334352',
  },
  {
    package: 'centos-10-stream-default',
    version: '20260713',
    os: 'centos',
    location: 'system/centos-10-stream-default_20260713_amd64.tar.xz',
    headline: 'LXC default image for centos 10-stream (20260713)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 109_051_904,
    md5sum: 'e4be7a2143d6489c0c2576044478ae5d',
    sha512sum:
      '7e55c0ad588bd7164901257d9d5a07c7a7425b1f0c094cf0e065d6303d137a1df6f51672fd7dc1728b70cf888e3e24582f878326a80b917cc8c1ea463f6168c3',
  },
  {
    package: 'centos-9-stream-default',
    version: '20240828',
    os: 'centos',
    location: 'system/centos-9-stream-default_20240828_amd64.tar.xz',
    headline: 'LXC default image for centos 9-stream (20240828)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 102_760_448,
    md5sum: '159f3f7dd7e2d6188867e7fecb4b4bbd',
    sha512sum:
      'de6ec0a6ffc2e980d4baa11185765ba925822462f14c387b8e50ffda0f2281e8fb8bebc53c84d39b8073dd543ea98496685c828ab713f2ec0ba56dd25e6ddbef',
  },
  {
    package: 'debian-12-standard',
    version: '12.12-1',
    os: 'debian-12',
    location: 'system/debian-12-standard_12.12-1_amd64.tar.zst',
    headline: 'Debian 12 Bookworm (standard)',
    infopage: 'https://pve.proxmox.com/wiki/Linux_Container#pct_supported_distributions',
    sizeBytes: 126_515_062,
    md5sum: '4e5a0a7183b6c8ca6867489820961e88',
    sha512sum:
      '50c85eaaece677a3ebe01cc909b83872e9da2a22c29ae652838afce71e83222fdf40f6accecd7d52b180e912fc1f85ecdf7b3fc4d3027da4d865e509a9e76597',
  },
  {
    package: 'debian-13-standard',
    version: '13.6-1',
    os: 'debian-13',
    location: 'system/debian-13-standard_13.6-1_amd64.tar.zst',
    headline: 'Debian 13 Trixie (standard)',
    infopage: 'https://pve.proxmox.com/wiki/Linux_Container#pct_supported_distributions',
    sizeBytes: 131_072_000,
    md5sum: 'a6148ff6f0d60e643a6e5f33497cecea',
    sha512sum:
      '4c0c27ca6ceab5ef0b84db57825a00f26157ef1854bafe97297813e1cbe8ecb8cc9c453cab6b3b0efe1ba193a50c47ece1e41d950e411b8730b835b71e9e754b',
  },
  {
    package: 'devuan-5.0-standard',
    version: '5.0',
    os: 'devuan-5.0',
    location: 'system/devuan-5.0-standard_5.0_amd64.tar.gz',
    headline: 'Devuan 5 (standard)',
    infopage: 'https://devuan.org',
    sizeBytes: 381_026_304,
    md5sum: '4e1aadd38db6f0ec628f7fa042cde11f',
    sha512sum:
      'a70bf2f0851d1ad55bf0c92808e1543173daf30ed6e0af792bc0288dde9b15a841f4eb3ad4440fdb88333250cdcf8f01a6ed446ba9354c33fda68523bd88a9b5',
  },
  {
    package: 'fedora-43-default',
    version: '20260115',
    os: 'fedora',
    location: 'system/fedora-43-default_20260115_amd64.tar.xz',
    headline: 'LXC default image for fedora 43 (20260115)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 138_412_032,
    md5sum: 'a50b573c7a24e6de2227709349606ca0',
    sha512sum:
      '2a1d710f8d9671e6cea2e775bff94c7e00a9dfde3aaaa07cc932e4df8938de398d65f7b2c4d7242196fec25101a33be9f6b8200185e4c24a4b869acf9f174781',
  },
  {
    package: 'fedora-44-default',
    version: '20260713',
    os: 'fedora',
    location: 'system/fedora-44-default_20260713_amd64.tar.xz',
    headline: 'LXC default image for fedora 44 (20260713)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 141_557_760,
    md5sum: '3e86e5e38af5e895703eb6c3db38b25a',
    sha512sum:
      '868c83c15ba476aed986f324e698ac5d80c59f49440f70036da350d2faf0b117435150fce853ca6d553005da86956f0b71d34b40a94456473ad09fc87395d5c9',
  },
  {
    package: 'gentoo-current-openrc',
    version: '20250508',
    os: 'gentoo',
    location: 'system/gentoo-current-openrc_20250508_amd64.tar.xz',
    headline: 'LXC openrc image for gentoo current (20250508)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 210_763_776,
    md5sum: 'd9a70f0f331b25eace92d00b9d457073',
    sha512sum:
      '50495e3c066aa4f4a8886d8eebbb30ecf662bb7bf7209677fa9edfb82ce2d00172ad2b5ebeba3ee9d319a74691bd975e3b73e079fce503ab72c4a56d2bde8a55',
  },
  {
    package: 'openeuler-25.03-default',
    version: '20250507',
    os: 'openeuler',
    location: 'system/openeuler-25.03-default_20250507_amd64.tar.xz',
    headline: 'LXC default image for openeuler 25.03 (20250507)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 108_003_328,
    md5sum: 'a81f7be61736cbf9753db8a2fd009166',
    sha512sum:
      'ecb86973bbd867624513fe5f8f0e72b6ee9be5f9fff592a4dc4bd78610310035270d1917882366ead2d8f3d9af215076552f7a4a35dc8602bf21548e4e2b09e4',
  },
  {
    package: 'opensuse-15.6-default',
    version: '20240910',
    os: 'opensuse',
    location: 'system/opensuse-15.6-default_20240910_amd64.tar.xz',
    headline: 'LXC default image for opensuse 15.6 (20240910)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 46_137_344,
    md5sum: 'c1de1a7a5fad45ee90bc4d5c98f2ad3f',
    sha512sum:
      'a0154162ef5128ebce176cab67d98b3d0c1db7bde92ac13e89b799de81a9b99f80d9f7afaf032a8247808a5d2d13261c5b7b9148fe03d60111666edfffc94523',
  },
  {
    package: 'opensuse-16.0-default',
    version: '20260116',
    os: 'opensuse',
    location: 'system/opensuse-16.0-default_20260116_amd64.tar.xz',
    headline: 'LXC default image for opensuse 16.0 (20260116)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 65_011_712,
    md5sum: '0b5893343ecbc0bfd7b048dee510754a',
    sha512sum:
      '132ce5d762debc066d11083a65ca46d1bf7425eb74f8b79e6b8f70534b02e42b2fea24aa7cc720db2c0bbe31baa501164382d0663b7b219375b768751a34a687',
  },
  {
    package: 'proxmox-mail-gateway-8.2-standard',
    version: '8.2-1',
    os: 'debian-12',
    location: 'mail/proxmox-mail-gateway-8.2-standard_8.2-1_amd64.tar.zst',
    headline: 'Proxmox Mail Gateway 8.2',
    infopage: 'https://www.proxmox.com/en/proxmox-mail-gateway/overview',
    sizeBytes: 314_572_800,
    md5sum: '0dd1c7dca99aca52a785a7b83f39d069',
    sha512sum:
      '2631776cc7014e6a5562bba951cfad1ad9caa58e3626a28136b15add42d8c7769c25d0dcdc86c4d421384160481e9d9a1975c41f11bbdb0004a8f8695b92900b',
  },
  {
    package: 'proxmox-mail-gateway-9.1-standard',
    version: '9.1-1',
    os: 'debian-13',
    location: 'mail/proxmox-mail-gateway-9.1-standard_9.1-1_amd64.tar.zst',
    headline: 'Proxmox Mail Gateway 9.1',
    infopage: 'https://www.proxmox.com/en/proxmox-mail-gateway/overview',
    sizeBytes: 327_155_712,
    md5sum: '2dd27723d1df3b8024e23fb863de9631',
    sha512sum:
      '3e03914fbee7989177b4b5debbb4cf1196faa7d93c2091aca50956e2ab1401aebc90dff3f25aa3ab9dc9708ea4d666f3915245e5f3e69c7fe9421e2b65bbf4e6',
  },
  {
    package: 'rockylinux-10-default',
    version: '20251001',
    os: 'rockylinux',
    location: 'system/rockylinux-10-default_20251001_amd64.tar.xz',
    headline: 'LXC default image for rockylinux 10 (20251001)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 118_489_088,
    md5sum: '13ef16830a3f62727b8641b041529497',
    sha512sum:
      '025d346a9aa9b27b90c28147cece917659cb320508cf248f59c776a00fd3a7009a9e1e0812217c990398588bb11b5a38abca82c0991a161ba3f27e1c6ee190ac',
  },
  {
    package: 'rockylinux-9-default',
    version: '20240912',
    os: 'rockylinux',
    location: 'system/rockylinux-9-default_20240912_amd64.tar.xz',
    headline: 'LXC default image for rockylinux 9 (20240912)',
    infopage: 'https://linuxcontainers.org',
    sizeBytes: 110_100_480,
    md5sum: '3a782d5d1c33d05eeff2e21579bdfae8',
    sha512sum:
      '864bcf3f21fd8616d3cd9e2330f7372ad7b29b070b746c4a4bd73f372db7cc5d06f3e7058b5571379e8f6c3c9d987a3ea3b43559c12f63c7ef096e9afa9ead46',
  },
  {
    package: 'ubuntu-22.04-standard',
    version: '22.04-1',
    os: 'ubuntu-22.04',
    location: 'system/ubuntu-22.04-standard_22.04-1_amd64.tar.zst',
    headline: 'Ubuntu 22.04 Jammy (standard)',
    infopage: 'https://pve.proxmox.com/wiki/Linux_Container#pct_supported_distributions',
    sizeBytes: 129_824_858,
    md5sum: 'a1f167ac98a931abc333154354d475fc',
    sha512sum:
      'cf617c11232c3fbce1ba9f7146ac194561411c292c445b2a5c9affe5f09729f5c38315619de4d649ff63e31dd5b536ea081fdde1b7792e6e521d1694ac7c9cb8',
  },
  {
    package: 'ubuntu-24.04-standard',
    version: '24.04-2',
    os: 'ubuntu-24.04',
    location: 'system/ubuntu-24.04-standard_24.04-2_amd64.tar.zst',
    headline: 'Ubuntu 24.04 Noble (standard)',
    infopage: 'https://pve.proxmox.com/wiki/Linux_Container#pct_supported_distributions',
    sizeBytes: 141_589_318,
    md5sum: '4030982618eeae70854e8f9711adbd09',
    sha512sum:
      '45c2978e6b97fe292ada95fe06834276015e5739a594db4de2fdfd830fa0c37942e8ae118fc1e32ffd9154b3f9378b592738b668ea3957db41f2907b86f219de',
  },
  {
    package: 'ubuntu-25.04-standard',
    version: '25.04-1',
    os: 'ubuntu-25.04',
    location: 'system/ubuntu-25.04-standard_25.04-1.1_amd64.tar.zst',
    headline: 'Ubuntu 25.04 Plucky (standard)',
    infopage: 'https://pve.proxmox.com/wiki/Linux_Container#pct_supported_distributions',
    sizeBytes: 144_703_488,
    md5sum: '1134f828d4e5fe894c1a96edc9cc75b5',
    sha512sum:
      '779cf8bbdf788057234eb439e4f165a39bb90bf9e65b5eded73354425376fe93a0e27e46c5cfa30dbb242f22656caf7039eee5d730ac4a30131766cbf1d5d4db',
  },
  {
    package: 'ubuntu-26.04-standard',
    version: '26.04-1',
    os: 'ubuntu-26.04',
    location: 'system/ubuntu-26.04-standard_26.04-1_amd64.tar.zst',
    headline: 'Ubuntu 26.04 Resolute (standard)',
    infopage: 'https://pve.proxmox.com/wiki/Linux_Container#pct_supported_distributions',
    sizeBytes: 150_994_944,
    md5sum: '7ad11fd200b1ae9eec8422a4f55ef673',
    sha512sum:
      'd5607f124d01f8ddfebd8e7da34c0022fb2a464e1662ee1e39a13f5ed1bae08a7364c486247fbd9f69f26c710729884ee5047aadb89f33a40066cd5f0d9def88',
  },
];
