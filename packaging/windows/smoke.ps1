# What Wine cannot show: run on real Windows, as an administrator, in French and in English.
# usage: powershell -ExecutionPolicy Bypass -File smoke.ps1 C:\path\creneau-0.1.0.msi
# Write date, Windows build, your name and the results into the release notes.
param([Parameter(Mandatory)][string]$Msi)
$ErrorActionPreference = 'Stop'
$creneau = "$env:ProgramFiles\Creneau\creneau.cmd"
$data = "$env:ProgramData\Creneau"
$results = @()
function Step([string]$name, [scriptblock]$test) {
    try { $ok = [bool](& $test) } catch { $ok = $false; Write-Host "    $_" }
    $script:results += [pscustomobject]@{ Step = $name; Passed = $ok }
    Write-Host ("{0}  {1}" -f ($(if ($ok) { 'ok    ' } else { 'FAILED' })), $name)
}
function Ask([string]$question) { (Read-Host "$question [y/n]") -match '^(y|o)' }

Write-Host "Windows $([Environment]::OSVersion.Version), $((Get-Culture).Name), $(Get-Date -Format s)"
Step 'silent installation' { (Start-Process msiexec "/i `"$Msi`" /qn /l*v `"$env:TEMP\creneau.log`"" -Wait -PassThru).ExitCode -eq 0 }
Step 'SmartScreen and Defender said nothing' { Ask 'Did they stay silent?' }
Step 'service is there, automatic, LocalService' { (Get-CimInstance Win32_Service -Filter "Name='Creneau'") | ForEach-Object { $_.StartMode -eq 'Auto' -and $_.StartName -match 'LocalService' } }
Step 'service has its own SID' { (sc.exe qsidtype Creneau | Out-String) -match 'UNRESTRICTED' }
Step 'recovery actions are set' { (sc.exe qfailure Creneau | Out-String) -match '60000' }
Write-Host 'Now, in another administrator window, follow docs/install-windows.md, steps 2 and 3.'
Step 'configured, joined, started' { (Ask 'Done?') -and (Get-Service Creneau).Status -eq 'Running' }
Step 'a plain user cannot read the data folder' { -not ((icacls $data | Out-String) -match 'BUILTIN\\Users|BUILTIN\\Utilisateurs|Everyone|Tout le monde') }
Step 'killed, back after a minute' {
    Stop-Process -Force -Id (Get-CimInstance Win32_Service -Filter "Name='Creneau'").ProcessId
    Start-Sleep 90; (Get-Service Creneau).Status -eq 'Running'
}
Step 'Event Viewer shows start and failure' { (Get-WinEvent -FilterHashtable @{LogName='Application'; ProviderName='Creneau'} -MaxEvents 5).Count -gt 0 }
Step 'creneau status as a plain user' { Ask 'As a user without rights: does "creneau status" answer, and "creneau check" say that the account may not?' }
Step 'network cut, EMR stopped, both; reboot in the middle' { Ask 'Each time: did status say it, and did all come back by itself?' }
Step 'sleep and wake; fast startup on and off' { Ask 'Did it go on after each?' }
Step 'ODBC: SQL Server driver 18 and the EMR''s own, 64 bits, system DSN' { Ask 'Does "creneau check emr" answer?' }
Step 'clock 3 minutes wrong; full disk; service account locked' { Ask 'Does "creneau check" say each in plain words?' }
Step 'data folder on another PC: the vault does not open' { Ask 'Does it say so, with "creneau enrol --replace"?' }
Step 'upgrade while running, downgrade refused' { Ask 'Done with the next and the former MSI?' }
Step 'removal: service and program gone at once (3010 would ask for a restart), data kept' {
    (Start-Process msiexec "/x `"$Msi`" /qn" -Wait -PassThru).ExitCode -eq 0 -and -not (Get-Service Creneau -ErrorAction SilentlyContinue) -and
        -not (Test-Path "$env:ProgramFiles\Creneau\python\pythonservice.exe") -and (Test-Path $data)
}
$results | Format-Table -AutoSize
exit @($results | Where-Object { -not $_.Passed }).Count
